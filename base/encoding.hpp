// Strict text encodings: hex, base32, base64, base64url (RFC 4648). One canonical form each: what decodes re-encodes to
// the same text, so no two texts name one value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace landfall::base {

[[nodiscard]] std::string to_hex(std::string_view bytes);
/// Lower-case hex only; nullopt for anything else.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view text);

/// Standard alphabet, padded.
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Standard alphabet, padded, no white space, no stray bits in the last character.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// URL alphabet, no padding.
[[nodiscard]] std::string to_base64url(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);

/// Lower case, no padding: as in onion addresses and tor's keys.
[[nodiscard]] std::optional<std::string> from_base32(std::string_view text);

} // namespace landfall::base
