#include "server/onion_key.hpp"

#include "base/file.hpp"
#include "base/secret_file.hpp"
#include "config/onion_address.hpp"
#include "crypto/hash.hpp"
#include "server/seed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

namespace landfall::server {

namespace {
using base::fail;
using base::outcome;

// The head of tor's key files: 32 bytes, padded with zeros (its crypto_format.c).
constexpr std::string_view head("== ed25519v1-secret: type0 ==\0\0\0", 32);

crypto::expanded_ed25519 expand(std::string seed) {
  crypto::key_bytes bytes{};
  std::copy_n(seed.begin(), std::min(seed.size(), bytes.size()), bytes.begin());
  base::wipe(seed.data(), seed.size());
  const crypto::secret_key secret(bytes);
  base::wipe(bytes.data(), bytes.size());
  return crypto::expanded_ed25519::of_seed(secret);
}

base::result<onion_key> read_key(const std::filesystem::path& path) {
  const auto content = base::read_own_secret(path, head.size() + crypto::expanded_ed25519::size);
  if (!content) return fail(content.error().what, fmt::format("{} {}", path.string(), content.error().detail));
  const std::string_view bytes = content->reveal();
  auto key = bytes.starts_with(head) ? crypto::expanded_ed25519::read(bytes.substr(head.size())) : std::nullopt;
  if (!key)
    return fail(outcome::malformed,
                fmt::format("{}: no onion service's key (tor's hs_ed25519_secret_key)", path.string()));
  return onion_key_of(std::move(*key));
}

base::result<onion_key> make_key(const std::filesystem::path& path) {
  const auto key = onion_key_of(expand(crypto::random_bytes(std::tuple_size_v<crypto::key_bytes>)));
  const base::secret content(std::string(head) + std::string(key.secret.reveal()));
  if (auto kept = base::write_file(path, content.reveal()); !kept) return kept.error();
  auto again = read_key(path);
  // Published once, an address must come back after every restart.
  if (again && again->address != key.address)
    return fail(outcome::local_error, fmt::format("{} does not hold what was written to it", path.string()));
  return again;
}
} // namespace

onion_key onion_key_of(crypto::expanded_ed25519 secret) {
  auto address = config::onion_address(secret.public_key());
  return {std::move(secret), std::move(address)};
}

base::result<onion_key> load_onion_key(const std::optional<std::filesystem::path>& file, const base::secret& seed) {
  if (file) {
    std::error_code ec;
    const bool missing = std::filesystem::symlink_status(*file, ec).type() == std::filesystem::file_type::not_found;
    return missing ? make_key(*file) : read_key(*file);
  }
  if (seed.reveal().empty())
    return fail(outcome::malformed, fmt::format("--onion needs --onion-key FILE, or {}", seed_variable));
  return onion_key_of(expand(crypto::hkdf_sha256(seed.reveal(), "landfall-server seed v1", "onion service key",
                                                 std::tuple_size_v<crypto::key_bytes>)));
}

} // namespace landfall::server
