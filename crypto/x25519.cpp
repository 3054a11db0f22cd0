#include "crypto/x25519.hpp"

#include "crypto/sodium.hpp"

#include <sodium.h>

namespace landfall::crypto {

secret_key& secret_key::operator=(secret_key&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    sodium_memzero(other.bytes_.data(), other.bytes_.size());
  }
  return *this;
}

secret_key::~secret_key() { sodium_memzero(bytes_.data(), bytes_.size()); }

key_bytes x25519_public(const secret_key& secret) noexcept {
  sodium_ready();
  key_bytes out{};
  crypto_scalarmult_base(out.data(), secret.reveal().data());
  return out;
}

std::optional<secret_key> x25519(const secret_key& ours, const key_bytes& theirs) noexcept {
  sodium_ready();
  key_bytes shared{};
  const bool sound = crypto_scalarmult(shared.data(), ours.reveal().data(), theirs.data()) == 0;
  std::optional<secret_key> out;
  if (sound) out.emplace(shared);
  sodium_memzero(shared.data(), shared.size());
  return out;
}

} // namespace landfall::crypto
