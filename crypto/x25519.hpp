// X25519 (RFC 7748), thin over libsodium, and the types of its keys.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace landfall::crypto {

using key_bytes = std::array<std::uint8_t, 32>;

/// 32 bytes that are wiped when they go. Move only; a moved-from one is all zero.
class secret_key {
public:
  secret_key() = default;
  explicit secret_key(const key_bytes& bytes) noexcept : bytes_(bytes) {}
  secret_key(secret_key&& other) noexcept { *this = static_cast<secret_key&&>(other); }
  secret_key& operator=(secret_key&& other) noexcept;
  ~secret_key();
  [[nodiscard]] const key_bytes& reveal() const noexcept { return bytes_; }

private:
  key_bytes bytes_{};
};

[[nodiscard]] key_bytes x25519_public(const secret_key& secret) noexcept;
/// nullopt for an all-zero result: `theirs` was of low order, and whoever sent it knows the "secret".
[[nodiscard]] std::optional<secret_key> x25519(const secret_key& ours, const key_bytes& theirs) noexcept;

} // namespace landfall::crypto
