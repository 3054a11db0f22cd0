// Arithmetic modulo p = 2^255 - 19, for the Elligator maps alone: X25519 and points are libsodium's.
//
// Five limbs of 51 bits in 64, products in 128. No branch and no index depends on a value. Every function takes and
// gives limbs below 2^52, so that sums of two may be multiplied without a carry between.
// Source: Bernstein, "Curve25519" (PKC 2006); Bernstein, Duif, Lange, Schwabe, Yang, "High-speed high-security
// signatures" (CHES 2011), section 4.
#pragma once

#include <array>
#include <cstdint>

namespace landfall::crypto {

struct field25519 {
  std::array<std::uint64_t, 5> limb{};

  /// Little endian; bit 255 is ignored, values from p up to 2^255 - 1 are taken modulo p.
  [[nodiscard]] static field25519 from_bytes(const std::array<std::uint8_t, 32>& bytes) noexcept;
  [[nodiscard]] static constexpr field25519 small(std::uint64_t value) noexcept { return {{value, 0, 0, 0, 0}}; }
  /// The one representative below p, little endian.
  [[nodiscard]] std::array<std::uint8_t, 32> to_bytes() const noexcept;

  friend field25519 operator+(const field25519& a, const field25519& b) noexcept;
  friend field25519 operator-(const field25519& a, const field25519& b) noexcept;
  friend field25519 operator*(const field25519& a, const field25519& b) noexcept;
};

[[nodiscard]] field25519 negated(const field25519& a) noexcept;
[[nodiscard]] field25519 inverted(const field25519& a) noexcept; ///< 0 for 0
/// All ones when equal modulo p, else 0: a mask for `selected`.
[[nodiscard]] std::uint64_t equal_mask(const field25519& a, const field25519& b) noexcept;
/// `a` under a mask of ones, `b` under one of zeros.
[[nodiscard]] field25519 selected(std::uint64_t mask, const field25519& a, const field25519& b) noexcept;

/// 1 / sqrt(a), either root, where `square` is all ones; for 0 it is 0 and `square` zeros.
struct inverse_root {
  field25519 root;
  std::uint64_t square;
};
[[nodiscard]] inverse_root inverse_square_root(const field25519& a) noexcept;

} // namespace landfall::crypto
