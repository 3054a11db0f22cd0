#include "crypto/siphash.hpp"

#include <algorithm>
#include <bit>
#include <span>

namespace landfall::crypto {

namespace {
using state = std::array<std::uint64_t, 4>;

std::uint64_t little_endian(std::span<const std::uint8_t> bytes) noexcept {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) out |= std::uint64_t{bytes[i]} << (8 * i);
  return out;
}

std::span<const std::uint8_t> octets(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void round(state& v) noexcept {
  v[0] += v[1];
  v[2] += v[3];
  v[1] = std::rotl(v[1], 13) ^ v[0];
  v[3] = std::rotl(v[3], 16) ^ v[2];
  v[0] = std::rotl(v[0], 32);
  v[2] += v[1];
  v[0] += v[3];
  v[1] = std::rotl(v[1], 17) ^ v[2];
  v[3] = std::rotl(v[3], 21) ^ v[0];
  v[2] = std::rotl(v[2], 32);
}

void mix(state& v, std::uint64_t word) noexcept {
  v[3] ^= word;
  round(v);
  round(v);
  v[0] ^= word;
}
} // namespace

siphash::siphash(const std::array<std::uint8_t, 16>& key) noexcept {
  const auto k0 = little_endian(std::span(key).first(8)), k1 = little_endian(std::span(key).last(8));
  v_ = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
}

void siphash::absorb(std::uint64_t word) noexcept {
  mix(v_, word);
  size_ += 8;
}

std::uint64_t siphash::digest(std::string_view tail) const noexcept {
  auto v = v_;
  mix(v, (size_ + tail.size()) << 56U | little_endian(octets(tail.substr(0, 7)))); // the size modulo 256
  v[2] ^= 0xff;
  for (int i = 0; i < 4; ++i) round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

std::uint64_t siphash24(const std::array<std::uint8_t, 16>& key, std::string_view message) noexcept {
  siphash hash(key);
  for (; message.size() >= 8; message.remove_prefix(8)) hash.absorb(little_endian(octets(message.substr(0, 8))));
  return hash.digest(message);
}

namespace {
std::array<std::uint8_t, 16> key_of(const siphash_drbg::seed& seed) noexcept {
  std::array<std::uint8_t, 16> out{};
  std::copy_n(seed.begin(), out.size(), out.begin());
  return out;
}
} // namespace

siphash_drbg::siphash_drbg(const seed& from) noexcept
    : hash_(key_of(from)), last_(little_endian(std::span(from).last(8))) {}

std::uint64_t siphash_drbg::next() noexcept {
  hash_.absorb(last_);
  last_ = hash_.digest();
  return __builtin_bswap64(last_); // its little-endian bytes, read from the first on
}

} // namespace landfall::crypto
