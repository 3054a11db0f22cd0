// SipHash-2-4 (Aumasson, Bernstein, 2012), whole words at a time, with its state kept between outputs.
//
// libsodium's crypto_shorthash takes a message at once; obfs4 asks for the hash of a message that grows by eight bytes
// with every frame, so the state has to stay.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace landfall::crypto {

class siphash {
public:
  explicit siphash(const std::array<std::uint8_t, 16>& key) noexcept;
  /// The next eight bytes of the message, as a little-endian number.
  void absorb(std::uint64_t word) noexcept;
  /// Of all absorbed so far, followed by `tail` of fewer than eight bytes. Can be asked again and again.
  [[nodiscard]] std::uint64_t digest(std::string_view tail = {}) const noexcept;

private:
  std::array<std::uint64_t, 4> v_;
  std::uint64_t size_ = 0;
};

/// Of a whole message: a keyed hash for tables that strangers could fill.
[[nodiscard]] std::uint64_t siphash24(const std::array<std::uint8_t, 16>& key, std::string_view message) noexcept;

/// obfs4's generator: block n is SipHash(K, IV || block 1 || … || block n-1), the hash of everything before, not of the
/// last block alone as its specification says. What is drawn is the seed's function, the same on both sides of a wire.
class siphash_drbg {
public:
  static constexpr std::size_t seed_size = 24; ///< K 16, IV 8
  using seed = std::array<std::uint8_t, seed_size>;
  explicit siphash_drbg(const seed& from) noexcept;
  /// Eight bytes, the first in the highest bits.
  [[nodiscard]] std::uint64_t next() noexcept;

private:
  siphash hash_;
  std::uint64_t last_; ///< little endian, as absorbed
};

} // namespace landfall::crypto
