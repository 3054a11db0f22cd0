// What interoperation does not show: that a public key cannot be told from random bytes (obfs4 has had it wrong three
// times, and every peer went on answering).
#include "crypto/elligator2.hpp"

#include "crypto/field25519.hpp"
#include "crypto/hash.hpp"
#include "crypto/sodium.hpp"
#include "vectors.hpp"

#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

using namespace landfall;
using crypto::field25519;
using crypto::key_bytes;

namespace {
key_bytes bytes_of(const std::string& hex) {
  const auto raw = tests::unhex(hex);
  REQUIRE(raw.size() == 32);
  key_bytes out{};
  std::copy(raw.begin(), raw.end(), out.begin());
  return out;
}

key_bytes random_key() {
  const auto raw = crypto::random_bytes(32);
  key_bytes out{};
  std::copy(raw.begin(), raw.end(), out.begin());
  return out;
}

std::string low_first(const key_bytes& bytes) { return {bytes.begin(), bytes.end()}; }

/// Whether L times the point is the identity; by libsodium, on the Edwards curve.
bool in_prime_subgroup(const key_bytes& u) {
  crypto::sodium_ready();
  const auto x = field25519::from_bytes(u), one = field25519::small(1);
  const auto y = ((x - one) * inverted(x + one)).to_bytes(); // either sign of x will do
  return crypto_core_ed25519_is_valid_point(y.data()) == 1;
}

/// (p-1)/2, little endian.
constexpr key_bytes half() {
  key_bytes out{};
  out.fill(0xff);
  out.front() = 0xf6;
  out.back() = 0x3f;
  return out;
}

bool at_most(const key_bytes& a, const key_bytes& b) {
  return !std::lexicographical_compare(b.rbegin(), b.rend(), a.rbegin(), a.rend());
}

constexpr int sample = 2000;
/// Of a fair coin: how far from the middle, in standard deviations. Beyond 5 once in 1.7 million runs.
double deviation(int heads, int of, double p) { return std::abs(heads - of * p) / std::sqrt(of * p * (1 - p)); }
} // namespace

TEST_CASE("field arithmetic agrees with itself at the edges") {
  const auto one = field25519::small(1);
  const auto bytes_below = [](std::uint8_t first) {
    key_bytes out{};
    out.fill(0xff);
    out.front() = first;
    out.back() = 0x7f;
    return out;
  };
  CHECK(field25519::from_bytes(bytes_below(0xed)).to_bytes() == key_bytes{}); // p
  CHECK(field25519::from_bytes(bytes_below(0xff)).to_bytes() == key_bytes{18});
  CHECK(field25519::from_bytes(bytes_below(0xec)).to_bytes() == bytes_below(0xec)); // p-1
  CHECK((negated(one)).to_bytes() == bytes_below(0xec));
  CHECK((negated(one) * negated(one)).to_bytes() == one.to_bytes());
  CHECK(inverted(field25519{}).to_bytes() == key_bytes{});
  for (int i = 0; i < 200; ++i) {
    const auto a = field25519::from_bytes(random_key()), b = field25519::from_bytes(random_key());
    CHECK((a * inverted(a)).to_bytes() == one.to_bytes());
    CHECK(((a + b) * (a - b)).to_bytes() == (a * a - b * b).to_bytes());
    const auto root = inverse_square_root(a * a);
    CHECK(root.square == ~std::uint64_t{0});
    CHECK((root.root * root.root * a * a).to_bytes() == one.to_bytes());
    CHECK(inverse_square_root(field25519::small(2) * a * a).square == 0); // 2 is no square
  }
  CHECK(inverse_square_root(field25519{}).square == 0);
}

TEST_CASE("Elligator 2 gives what its definition gives") {
  int checked = 0;
  for (const auto& entry : tests::read_vector("elligator2.txt")) {
    const auto &name = entry.first, &value = entry.second;
    CAPTURE(name);
    std::istringstream words(value);
    std::string first, second, third;
    words >> first >> second >> third;
    if (name.starts_with("map")) {
      auto r = bytes_of(first);
      CHECK(crypto::elligator2_map(r) == bytes_of(second));
      r.back() |= 0xc0;
      CHECK(crypto::elligator2_map(r) == bytes_of(second)); // the two top bits say nothing
    } else if (second == "none") {
      CHECK_FALSE(crypto::elligator2_inverse(bytes_of(first), 0));
      CHECK_FALSE(crypto::elligator2_inverse(bytes_of(first), 1));
    } else {
      CHECK(crypto::elligator2_inverse(bytes_of(first), 0) == bytes_of(second));
      CHECK(crypto::elligator2_inverse(bytes_of(first), 1) == bytes_of(third));
    }
    ++checked;
  }
  CHECK(checked > 30);
}

TEST_CASE("hidden keys: canonical root, random top bits, both branches, low-order parts in seven of eight") {
  int bit254 = 0, bit255 = 0, clean = 0, first_branch = 0;
  std::array<int, 256> last_byte{};
  for (int i = 0; i < sample; ++i) {
    const auto pair = crypto::make_hidden_key_pair();
    auto r = pair.representative;
    bit254 += r.back() >> 6 & 1;
    bit255 += r.back() >> 7;
    ++last_byte[r.back()];
    REQUIRE(crypto::elligator2_map(r) == pair.public_key);
    r.back() &= 0x3f;
    REQUIRE(at_most(r, half()));
    clean += in_prime_subgroup(pair.public_key);
    const bool first = crypto::elligator2_inverse(pair.public_key, 0) == r;
    const bool second = crypto::elligator2_inverse(pair.public_key, 1) == r;
    REQUIRE(first != second);
    first_branch += first;
  }
  CHECK(deviation(bit254, sample, 0.5) < 5);
  CHECK(deviation(bit255, sample, 0.5) < 5);
  CHECK(deviation(first_branch, sample, 0.5) < 5);
  CHECK(deviation(clean, sample, 0.125) < 5);
  double chi = 0;
  for (const int count : last_byte) chi += (count - sample / 256.0) * (count - sample / 256.0) / (sample / 256.0);
  CHECK(chi < 255 + 6 * std::sqrt(2 * 255.0)); // r < 2^254 - 9: the whole byte is uniform
  MESSAGE("of " << sample << ": bit 254 " << bit254 << ", bit 255 " << bit255 << ", first branch " << first_branch
                << ", without a low-order part " << clean << ", chi-square of the last byte " << chi << " of 255");
}

TEST_CASE("a low-order part changes the public key and no shared secret") {
  for (int i = 0; i < 20; ++i) {
    const auto ours = random_key();
    const crypto::secret_key secret(ours), other(random_key());
    const auto shared = crypto::x25519(other, crypto::x25519_public(secret));
    REQUIRE(shared);
    std::set<std::string> all;
    for (std::uint8_t low = 0; low < 8; ++low) {
      const auto dirty = crypto::dirty_public_key(ours, low);
      all.insert(low_first(dirty));
      const auto same = crypto::x25519(other, dirty);
      REQUIRE(same);
      CHECK(same->reveal() == shared->reveal());
      CHECK(in_prime_subgroup(dirty) == (low == 0));
    }
    CHECK(all.size() == 8);
    CHECK(crypto::dirty_public_key(ours, 0) == crypto::x25519_public(secret));
  }
}

TEST_CASE("keys of low order give no secret") {
  const crypto::secret_key secret(random_key());
  CHECK_FALSE(crypto::x25519(secret, key_bytes{}));
  CHECK_FALSE(crypto::x25519(secret, key_bytes{1}));
}
