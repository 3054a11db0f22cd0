// SHA-256, HMAC-SHA-256 and HKDF, and random bytes. Thin, over OpenSSL.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace landfall::crypto {

/// 32 bytes as a value that can be compared and used as a key of a map.
struct digest {
  std::array<std::uint8_t, 32> bytes{};
  [[nodiscard]] std::string hex() const;
  [[nodiscard]] std::string_view view() const noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  friend auto operator<=>(const digest&, const digest&) = default;
};

[[nodiscard]] digest sha256(std::string_view data);
[[nodiscard]] digest hmac_sha256(std::string_view key, std::string_view data);
/// HKDF (RFC 5869) over SHA-256, extract and expand; `size` <= 8160.
[[nodiscard]] std::string hkdf_sha256(std::string_view secret, std::string_view salt, std::string_view info,
                                      std::size_t size);

/// Random bytes of the operating system's strength. Terminates the program when there are none.
[[nodiscard]] std::string random_bytes(std::size_t size);
/// Uniform in [0, bound), bound > 0.
[[nodiscard]] std::uint64_t random_below(std::uint64_t bound);
/// Equal, in time that depends on the sizes alone.
[[nodiscard]] bool equal_secret(std::string_view a, std::string_view b) noexcept;

} // namespace landfall::crypto
