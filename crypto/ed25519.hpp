// Ed25519 keys in the expanded form of RFC 8032 §5.1.5: the clamped scalar and the prefix from which nonces are made.
// tor keeps and takes the keys of onion services so. Thin, over libsodium; signs nothing.
#pragma once

#include "crypto/x25519.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace landfall::crypto {

/// Wiped when it goes. Move only; a moved-from one is all zero.
class expanded_ed25519 {
public:
  static constexpr std::size_t size = 64;

  [[nodiscard]] static expanded_ed25519 of_seed(const secret_key& seed) noexcept;
  /// nullopt: not 64 bytes, or the scalar is not clamped, as every honest key's is (its public key could be of low
  /// order, or equal another's).
  [[nodiscard]] static std::optional<expanded_ed25519> read(std::string_view bytes) noexcept;
  expanded_ed25519(expanded_ed25519&& other) noexcept { *this = static_cast<expanded_ed25519&&>(other); }
  expanded_ed25519& operator=(expanded_ed25519&& other) noexcept;
  ~expanded_ed25519();

  [[nodiscard]] key_bytes public_key() const noexcept;
  [[nodiscard]] std::string_view reveal() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

private:
  expanded_ed25519() = default;
  std::array<std::uint8_t, size> bytes_{};
};

} // namespace landfall::crypto
