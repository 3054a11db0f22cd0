#include "crypto/field25519.hpp"

namespace landfall::crypto {

namespace {
__extension__ using wide = unsigned __int128;
constexpr std::uint64_t low51 = (std::uint64_t{1} << 51) - 1;

/// Twice what any limb of an operand can be, as a multiple of p: a difference never goes below zero.
constexpr std::array<std::uint64_t, 5> four_p = {4 * (low51 - 18), 4 * low51, 4 * low51, 4 * low51, 4 * low51};

field25519 carried(std::array<std::uint64_t, 5> t) noexcept {
  std::uint64_t carry = 0;
  for (auto& limb : t) {
    limb += carry;
    carry = limb >> 51;
    limb &= low51;
  }
  t[0] += 19 * carry;
  return {t};
}

field25519 reduced(std::array<wide, 5> t) noexcept {
  field25519 out;
  wide carry = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    t[i] += carry;
    out.limb[i] = static_cast<std::uint64_t>(t[i]) & low51;
    carry = t[i] >> 51;
  }
  // The carry of the last limb is below 2^59 for operands below 2^53, so 19 times it fits.
  const auto first = out.limb[0] + 19 * static_cast<std::uint64_t>(carry);
  out.limb[0] = first & low51;
  out.limb[1] += first >> 51;
  return out;
}

field25519 squared(const field25519& a, int times = 1) noexcept {
  field25519 out = a;
  for (; times > 0; --times) {
    const auto& [a0, a1, a2, a3, a4] = out.limb;
    const auto d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2, n3 = 19 * a3, n4 = 19 * a4;
    out = reduced({wide(a0) * a0 + wide(d1) * n4 + wide(d2) * n3, wide(d0) * a1 + wide(d2) * n4 + wide(a3) * n3,
                   wide(d0) * a2 + wide(a1) * a1 + wide(2 * a3) * n4, wide(d0) * a3 + wide(d1) * a2 + wide(a4) * n4,
                   wide(d0) * a4 + wide(d1) * a3 + wide(a2) * a2});
  }
  return out;
}

/// a^(2^250 - 1) and a^11: what the exponents p - 2 and (p - 5) / 8 have in common.
struct common_power {
  field25519 high, eleventh;
};
common_power power_250(const field25519& a) noexcept {
  const auto a2 = squared(a), a9 = squared(a2, 2) * a, a11 = a9 * a2;
  const auto n5 = squared(a11) * a9; // 2^5 - 1
  const auto n10 = squared(n5, 5) * n5, n20 = squared(n10, 10) * n10, n40 = squared(n20, 20) * n20;
  const auto n50 = squared(n40, 10) * n10, n100 = squared(n50, 50) * n50, n200 = squared(n100, 100) * n100;
  return {squared(n200, 50) * n50, a11};
}

const field25519 root_of_minus_one = field25519::from_bytes(
    {0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f,
     0xa7, 0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b});
} // namespace

field25519 field25519::from_bytes(const std::array<std::uint8_t, 32>& bytes) noexcept {
  const auto word = [&bytes](std::size_t at) {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < 8; ++i) out |= std::uint64_t{bytes[at + i]} << (8 * i);
    return out;
  };
  return {
      {word(0) & low51, word(6) >> 3 & low51, word(12) >> 6 & low51, word(19) >> 1 & low51, word(24) >> 12 & low51}};
}

std::array<std::uint8_t, 32> field25519::to_bytes() const noexcept {
  auto t = carried(carried(limb).limb).limb; // below 2^255 + 19
  // Adding 19 carries out of the top exactly for what is p or more.
  std::uint64_t quotient = (t[0] + 19) >> 51;
  for (std::size_t i = 1; i < 5; ++i) quotient = (t[i] + quotient) >> 51;
  t[0] += 19 * quotient;
  for (std::size_t i = 0; i < 4; ++i) {
    t[i + 1] += t[i] >> 51;
    t[i] &= low51;
  }
  t[4] &= low51;
  const std::array<std::uint64_t, 4> words = {t[0] | t[1] << 51, t[1] >> 13 | t[2] << 38, t[2] >> 26 | t[3] << 25,
                                              t[3] >> 39 | t[4] << 12};
  std::array<std::uint8_t, 32> out{};
  for (std::size_t i = 0; i < 32; ++i) out[i] = static_cast<std::uint8_t>(words[i / 8] >> (8 * (i % 8)));
  return out;
}

field25519 operator+(const field25519& a, const field25519& b) noexcept {
  std::array<std::uint64_t, 5> t{};
  for (std::size_t i = 0; i < 5; ++i) t[i] = a.limb[i] + b.limb[i];
  return carried(t);
}

field25519 operator-(const field25519& a, const field25519& b) noexcept {
  std::array<std::uint64_t, 5> t{};
  for (std::size_t i = 0; i < 5; ++i) t[i] = a.limb[i] + four_p[i] - b.limb[i];
  return carried(t);
}

field25519 operator*(const field25519& a, const field25519& b) noexcept {
  const auto& [a0, a1, a2, a3, a4] = a.limb;
  const auto& [b0, b1, b2, b3, b4] = b.limb;
  const auto n1 = 19 * b1, n2 = 19 * b2, n3 = 19 * b3, n4 = 19 * b4;
  return reduced({wide(a0) * b0 + wide(a1) * n4 + wide(a2) * n3 + wide(a3) * n2 + wide(a4) * n1,
                  wide(a0) * b1 + wide(a1) * b0 + wide(a2) * n4 + wide(a3) * n3 + wide(a4) * n2,
                  wide(a0) * b2 + wide(a1) * b1 + wide(a2) * b0 + wide(a3) * n4 + wide(a4) * n3,
                  wide(a0) * b3 + wide(a1) * b2 + wide(a2) * b1 + wide(a3) * b0 + wide(a4) * n4,
                  wide(a0) * b4 + wide(a1) * b3 + wide(a2) * b2 + wide(a3) * b1 + wide(a4) * b0});
}

field25519 negated(const field25519& a) noexcept { return field25519{} - a; }

field25519 inverted(const field25519& a) noexcept {
  const auto power = power_250(a);
  return squared(power.high, 5) * power.eleventh; // p - 2 = (2^250 - 1) 2^5 + 11
}

std::uint64_t equal_mask(const field25519& a, const field25519& b) noexcept {
  const auto x = a.to_bytes(), y = b.to_bytes();
  std::uint64_t different = 0;
  for (std::size_t i = 0; i < 32; ++i) different |= static_cast<std::uint64_t>(x[i] ^ y[i]);
  return ((different - 1) >> 63) * ~std::uint64_t{0}; // borrows for 0 alone: `different` is a byte
}

field25519 selected(std::uint64_t mask, const field25519& a, const field25519& b) noexcept {
  field25519 out;
  for (std::size_t i = 0; i < 5; ++i) out.limb[i] = (a.limb[i] & mask) | (b.limb[i] & ~mask);
  return out;
}

inverse_root inverse_square_root(const field25519& a) noexcept {
  // r = a^((p-5)/8): then a r^2 is a fourth root of 1, and r is 1/sqrt(a) up to a root of -1, or a is no square.
  const auto r = squared(power_250(a).high, 2) * a;
  const auto fourth = a * squared(r);
  const auto one = equal_mask(fourth, field25519::small(1));
  const auto minus_one = equal_mask(fourth, negated(field25519::small(1)));
  return {selected(minus_one, r * root_of_minus_one, r), one | minus_one};
}

} // namespace landfall::crypto
