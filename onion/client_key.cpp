#include "onion/client_key.hpp"

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "config/host.hpp"

#include <sys/stat.h>

namespace landfall::onion {

namespace {

using base::fail;
using base::outcome;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

} // namespace

base::result<client_key> client_key::parse(std::string_view text, std::string_view id) {
  constexpr std::string_view middle = ":descriptor:x25519:";
  auto key = trimmed(text);
  if (const auto at = key.find(middle); at != key.npos) {
    if (config::lower(key.substr(0, at)) != id) return fail(outcome::malformed, "auth_key is of another onion service");
    key.remove_prefix(at + middle.size());
  }
  const base::secret lower(config::lower(key));
  const auto bytes = base::from_base32(lower.reveal());
  if (!bytes || bytes->size() != 32)
    return fail(outcome::malformed, "auth_key holds no x25519 key: 52 characters of base32 are wanted");
  const base::secret raw(*bytes);
  return client_key{std::string(id), base::secret(base::to_base64(raw.reveal()))};
}

base::result<client_key> client_key::load(const std::filesystem::path& file, std::string_view id) {
  struct stat what{};
  if (::stat(file.c_str(), &what) == 0 && (what.st_mode & 077) != 0)
    return fail(outcome::local_error, "auth_key is readable for other users: chmod 600 it");
  constexpr std::size_t longest = 1024;
  auto content = base::read_file(file, longest);
  if (!content) return content.error();
  const base::secret text(std::move(*content));
  return parse(text.reveal(), id);
}

} // namespace landfall::onion
