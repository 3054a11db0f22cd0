#include "server/seed.hpp"

#include "base/encoding.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

namespace landfall::server {

namespace {
constexpr std::size_t seed_size = 32;
} // namespace

base::secret take_from_environment(const char* variable) {
  char* text = std::getenv(variable);
  if (text == nullptr) return {};
  base::secret out{std::string(text)};
  base::wipe(text, std::strlen(text));
  ::unsetenv(variable);
  return out;
}

base::result<base::secret> take_seed() {
  if (std::getenv(seed_variable) == nullptr) return base::secret();
  const auto text = take_from_environment(seed_variable);
  auto bytes = base::from_hex(text.reveal());
  if (!bytes || bytes->size() != seed_size)
    return base::fail(base::outcome::malformed,
                      fmt::format("{}: not 64 hex digits; take: openssl rand -hex 32", seed_variable));
  return base::secret(std::move(*bytes));
}

} // namespace landfall::server
