#include "crypto/ed25519.hpp"

#include "crypto/sodium.hpp"

#include <sodium.h>

#include <algorithm>

namespace landfall::crypto {

namespace {
constexpr std::uint8_t low_bits = 0b111, top_bits = 0b1100'0000, second_bit = 0b0100'0000;
} // namespace

expanded_ed25519 expanded_ed25519::of_seed(const secret_key& seed) noexcept {
  sodium_ready();
  expanded_ed25519 out;
  crypto_hash_sha512(out.bytes_.data(), seed.reveal().data(), seed.reveal().size());
  out.bytes_[0] = static_cast<std::uint8_t>(out.bytes_[0] & ~low_bits);
  out.bytes_[31] = static_cast<std::uint8_t>((out.bytes_[31] & ~top_bits) | second_bit);
  return out;
}

std::optional<expanded_ed25519> expanded_ed25519::read(std::string_view bytes) noexcept {
  if (bytes.size() != size) return std::nullopt;
  expanded_ed25519 out;
  std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
  if ((out.bytes_[0] & low_bits) != 0 || (out.bytes_[31] & top_bits) != second_bit) return std::nullopt;
  return out;
}

expanded_ed25519& expanded_ed25519::operator=(expanded_ed25519&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    sodium_memzero(other.bytes_.data(), other.bytes_.size());
  }
  return *this;
}

expanded_ed25519::~expanded_ed25519() { sodium_memzero(bytes_.data(), bytes_.size()); }

key_bytes expanded_ed25519::public_key() const noexcept {
  sodium_ready();
  key_bytes out{};
  // Fails for a scalar of 0 alone, which no clamped one is.
  static_cast<void>(crypto_scalarmult_ed25519_base_noclamp(out.data(), bytes_.data()));
  return out;
}

} // namespace landfall::crypto
