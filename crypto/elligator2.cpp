#include "crypto/elligator2.hpp"

#include "crypto/field25519.hpp"
#include "crypto/hash.hpp"
#include "crypto/sodium.hpp"

#include <sodium.h>

#include <algorithm>

namespace landfall::crypto {

namespace {
constexpr auto one = field25519::small(1), two = field25519::small(2), curve_a = field25519::small(486662);
constexpr std::uint8_t top_bits = 0xc0;

// The eight points of low order of edwards25519, compressed.
constexpr std::array<key_bytes, 8> low_order = {{
    {0x01},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x85},
    {0x00},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0xfa},
}};

/// By reading all of them: which one was taken shows in no cache line.
key_bytes low_order_point(std::uint8_t index) noexcept {
  key_bytes out{};
  for (std::size_t i = 0; i < low_order.size(); ++i) {
    const auto different = static_cast<std::uint32_t>(i ^ (index & 7U));
    const auto mask = static_cast<std::uint8_t>((different - 1U) >> 31U) * 0xffU;
    for (std::size_t j = 0; j < out.size(); ++j) out[j] |= static_cast<std::uint8_t>(low_order[i][j] & mask);
  }
  return out;
}
} // namespace

key_bytes elligator2_map(const key_bytes& representative) noexcept {
  auto bytes = representative;
  bytes.back() &= static_cast<std::uint8_t>(~top_bits);
  const auto r = field25519::from_bytes(bytes);
  // w = -A / (1 + 2r²), never a division by zero: -1/2 is no square.
  const auto w = negated(curve_a * inverted(one + two * r * r));
  const auto on_curve = w * (w * w + curve_a * w + one);
  return selected(inverse_square_root(on_curve).square, w, negated(curve_a + w)).to_bytes();
}

std::optional<key_bytes> elligator2_inverse(const key_bytes& u, std::uint8_t tweak) noexcept {
  const auto x = field25519::from_bytes(u), xa = x + curve_a;
  const auto [root, square] = inverse_square_root(negated(two * x * xa));
  // r² = -u / 2(u+A), or -(u+A) / 2u.
  const auto factor = selected(~std::uint64_t{0} * (tweak & 1U), x, xa);
  const auto r = root * factor;
  // 2r is odd, after reduction, exactly when r > (p-1)/2.
  const auto large = ~std::uint64_t{0} * ((r + r).to_bytes().front() & 1U);
  auto out = selected(large, negated(r), r).to_bytes();
  out.back() |= tweak & top_bits;
  if (square == 0) return std::nullopt;
  return out;
}

key_bytes dirty_public_key(const key_bytes& secret, std::uint8_t low) {
  sodium_ready();
  key_bytes clean{}, sum{};
  const auto low_point = low_order_point(low);
  // Neither fails: the clamped scalar is not zero, and both points are on the curve.
  static_cast<void>(crypto_scalarmult_ed25519_base(clean.data(), secret.data()));
  static_cast<void>(crypto_core_ed25519_add(sum.data(), clean.data(), low_point.data()));
  sodium_memzero(clean.data(), clean.size());
  sum.back() &= 0x7f; // the sign of x, which u does not have
  const auto y = field25519::from_bytes(sum);
  return ((one + y) * inverted(one - y)).to_bytes();
}

hidden_key_pair make_hidden_key_pair() {
  for (;;) {
    auto random = random_bytes(34);
    key_bytes bytes{};
    std::copy_n(random.begin(), bytes.size(), bytes.begin());
    const auto low = static_cast<std::uint8_t>(random[32]), tweak = static_cast<std::uint8_t>(random[33]);
    hidden_key_pair out{.secret = secret_key(bytes), .public_key = dirty_public_key(bytes, low)};
    sodium_memzero(random.data(), random.size());
    sodium_memzero(bytes.data(), bytes.size());
    if (const auto representative = elligator2_inverse(out.public_key, tweak)) {
      out.representative = *representative;
      return out;
    }
  }
}

} // namespace landfall::crypto
