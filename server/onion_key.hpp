// The key of the onion service that this server is, and so its address. Reads and makes one file.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"
#include "crypto/ed25519.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace landfall::server {

struct onion_key {
  crypto::expanded_ed25519 secret;
  std::string address; ///< 56 characters, without ".onion": our own computation, never tor's word
};

[[nodiscard]] onion_key onion_key_of(crypto::expanded_ed25519 secret);

/// From the file, in the format of tor's own hs_ed25519_secret_key, so that a service can move either way and keep its
/// address; made (0600, whole or not at all, and read back) when there is none. Without a file, from the seed
/// (seed.hpp). Errors: malformed (neither given, no such key), local_error (also a file that others can read, or a
/// link).
[[nodiscard]] base::result<onion_key> load_onion_key(const std::optional<std::filesystem::path>& file,
                                                     const base::secret& seed);

} // namespace landfall::server
