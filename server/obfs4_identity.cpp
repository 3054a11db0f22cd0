#include "server/obfs4_identity.hpp"

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/sensitive.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <system_error>

namespace landfall::server {

namespace {
using base::fail;
using base::outcome;

constexpr std::size_t seed_size = 32;

base::result<wire::obfs4_identity> from_file(const std::filesystem::path& path) {
  std::error_code ec;
  if (!std::filesystem::exists(path, ec) && !ec) {
    auto made = wire::make_obfs4_identity();
    // A bridge that forgets its identity at the next start would leave its clients with a dead line.
    if (auto kept = base::write_file(path, wire::obfs4_state(made) + "\n"); !kept) return kept.error();
    return made;
  }
  auto text = base::read_file(path, wire::max_obfs4_state);
  if (!text) return text.error();
  auto read = wire::read_obfs4_state(*text);
  base::wipe(text->data(), text->size());
  if (!read) return fail(outcome::malformed, fmt::format("{}: {}", path.string(), read.error().detail));
  return read;
}

base::result<wire::obfs4_identity> from_seed(char* text) {
  auto seed = base::from_hex(text);
  base::wipe(text, std::strlen(text)); // in the environment of this process, which others of this user can read
  ::unsetenv(seed_variable);
  if (!seed || seed->size() != seed_size)
    return fail(outcome::malformed, fmt::format("{}: not 64 hex digits; take: openssl rand -hex 32", seed_variable));
  auto out = wire::derive_obfs4_identity(*seed);
  base::wipe(seed->data(), seed->size());
  return out;
}
} // namespace

base::result<wire::obfs4_identity> load_obfs4_identity(const std::optional<std::filesystem::path>& state) {
  if (state) return from_file(*state);
  if (char* seed = std::getenv(seed_variable)) return from_seed(seed);
  return fail(outcome::malformed, fmt::format("--obfs4 needs --obfs4-state FILE, or {}", seed_variable));
}

} // namespace landfall::server
