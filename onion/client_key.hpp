// The key that opens a private onion service (client authorisation, rend-spec-v3 §2.1), as users have it.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace landfall::onion {

struct client_key {
  std::string id;   ///< the address without ".onion"
  base::secret key; ///< base64 of the x25519 private key, as the control port takes it

  /// The content of tor's .auth_private, "<56 characters>:descriptor:x25519:<base32>", or the base32 alone, upper or
  /// lower case. Errors: malformed, also when the file is another service's.
  [[nodiscard]] static base::result<client_key> parse(std::string_view text, std::string_view id);
  /// Errors: also local_error (not readable, or readable for others).
  [[nodiscard]] static base::result<client_key> load(const std::filesystem::path& file, std::string_view id);
};

} // namespace landfall::onion
