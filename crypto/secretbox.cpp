#include "crypto/secretbox.hpp"

#include "crypto/sodium.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>

namespace landfall::crypto {

namespace {
constexpr std::size_t mac_key_size = crypto_onetimeauth_KEYBYTES; // the first bytes of the key stream
constexpr std::size_t stride = 512;

/// The message behind room for Poly1305's key, and up to a multiple of 512 bytes behind it.
struct alignas(64) workspace {
  std::array<std::uint8_t, mac_key_size + secretbox::max_message> bytes;

  void load(std::span<const std::uint8_t> message) noexcept {
    std::memset(bytes.data(), 0, mac_key_size);
    std::copy(message.begin(), message.end(), bytes.begin() + mac_key_size);
    const auto used = mac_key_size + message.size();
    std::memset(bytes.data() + used, 0, rounded(used) - used);
  }
  void apply(std::uint64_t counter, std::size_t size, const std::array<std::uint8_t, 32>& subkey) noexcept {
    std::array<std::uint8_t, crypto_stream_salsa20_NONCEBYTES> nonce{};
    const auto big_endian = __builtin_bswap64(counter);
    std::memcpy(nonce.data(), &big_endian, nonce.size());
    crypto_stream_salsa20_xor(bytes.data(), bytes.data(), rounded(mac_key_size + size), nonce.data(), subkey.data());
  }
  [[nodiscard]] std::span<const std::uint8_t> text(std::size_t size) const noexcept {
    return {bytes.data() + mac_key_size, size};
  }
  static std::size_t rounded(std::size_t size) noexcept { return (size + stride - 1) / stride * stride; }
};
static_assert((mac_key_size + secretbox::max_message) % stride == 0);
} // namespace

secretbox::secretbox(std::span<const std::uint8_t, 32> key, std::span<const std::uint8_t, 16> nonce_prefix) {
  sodium_ready();
  crypto_core_hsalsa20(subkey_.data(), nonce_prefix.data(), key.data(), nullptr);
}

secretbox::~secretbox() { sodium_memzero(subkey_.data(), subkey_.size()); }

bool secretbox::seal(std::uint64_t counter, std::span<const std::uint8_t> message, std::span<std::uint8_t> box) const {
  if (message.size() > max_message || box.size() != message.size() + tag_size) return false;
  workspace work; // NOLINT: filled by load
  work.load(message);
  work.apply(counter, message.size(), subkey_);
  const auto text = work.text(message.size());
  crypto_onetimeauth(box.data(), text.data(), text.size(), work.bytes.data());
  std::copy(text.begin(), text.end(), box.begin() + tag_size);
  return true;
}

bool secretbox::open(std::uint64_t counter, std::span<const std::uint8_t> box, std::span<std::uint8_t> message) const {
  if (message.size() > max_message || box.size() != message.size() + tag_size) return false;
  const auto sealed = box.subspan(tag_size);
  workspace work; // NOLINT: filled by load
  work.load(sealed);
  work.apply(counter, sealed.size(), subkey_);
  if (crypto_onetimeauth_verify(box.data(), sealed.data(), sealed.size(), work.bytes.data()) != 0) return false;
  const auto text = work.text(message.size());
  std::copy(text.begin(), text.end(), message.begin());
  return true;
}

} // namespace landfall::crypto
