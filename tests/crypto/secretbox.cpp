#include "crypto/secretbox.hpp"

#include "crypto/hash.hpp"
#include "crypto/siphash.hpp"
#include "vectors.hpp"

#include <sodium.h>

#include <algorithm>
#include <vector>

using namespace landfall;
using bytes = std::vector<std::uint8_t>;

namespace {
bytes random(std::size_t size) {
  const auto raw = crypto::random_bytes(size);
  return {raw.begin(), raw.end()};
}

crypto::secretbox make_box(const bytes& key, const bytes& prefix) {
  return {std::span<const std::uint8_t>(key).first<32>(), std::span<const std::uint8_t>(prefix).first<16>()};
}
} // namespace

TEST_CASE("secretbox gives the bytes of libsodium's, for every length of a frame, and opens no others") {
  const auto key = random(32), prefix = random(16);
  const auto box = make_box(key, prefix);
  for (std::size_t size :
       {0U, 1U, 15U, 16U, 31U, 32U, 33U, 63U, 64U, 479U, 480U, 481U, 991U, 993U, 1430U, 1503U, 1504U}) {
    CAPTURE(size);
    const auto message = random(size);
    bytes nonce = prefix, expected(size + 16), sealed(size + 16), opened(size);
    for (int i = 0; i < 8; ++i) nonce.push_back(static_cast<std::uint8_t>(i + 1));
    crypto_secretbox_easy(expected.data(), message.data(), size, nonce.data(), key.data());
    REQUIRE(box.seal(0x0102030405060708, message, sealed));
    CHECK(sealed == expected);
    REQUIRE(box.open(0x0102030405060708, sealed, opened));
    CHECK(opened == message);
    const auto untouched = opened;
    CHECK_FALSE(box.open(0x0102030405060709, sealed, opened));
    for (const auto at : {std::size_t{0}, std::size_t{15}, size / 2 + 8, size + 15}) {
      auto changed = sealed;
      changed[at] ^= 1;
      CHECK_FALSE(box.open(0x0102030405060708, changed, opened));
    }
    CHECK(opened == untouched);
  }
  bytes large(1505), sealed(1521);
  CHECK_FALSE(box.seal(1, large, sealed));
  CHECK_FALSE(box.open(1, sealed, large));
  CHECK_FALSE(box.seal(1, bytes(3), sealed));
}

TEST_CASE("secretbox seals and opens in place") {
  const auto key = random(32), prefix = random(16), message = random(700);
  const auto box = make_box(key, prefix);
  bytes room(716);
  std::copy(message.begin(), message.end(), room.begin() + 16);
  REQUIRE(box.seal(1, std::span(room).subspan(16), room));
  REQUIRE(box.open(1, room, std::span(room).first(700)));
  CHECK(std::equal(message.begin(), message.end(), room.begin()));
}

TEST_CASE("SipHash-2-4 agrees with libsodium's, and can be asked while a message grows") {
  std::array<std::uint8_t, 16> key{};
  std::copy_n(random(16).begin(), 16, key.begin());
  const auto message = crypto::random_bytes(600);
  const auto expected = [&](std::size_t size) {
    std::array<std::uint8_t, 8> out{};
    crypto_shorthash(out.data(), reinterpret_cast<const unsigned char*>(message.data()), size, key.data());
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value |= std::uint64_t{out[i]} << (8 * i);
    return value;
  };
  for (std::size_t size = 0; size <= message.size(); ++size)
    REQUIRE(crypto::siphash24(key, std::string_view(message).substr(0, size)) == expected(size));
}

TEST_CASE("the generator hashes all its blocks") {
  crypto::siphash_drbg::seed seed{};
  for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<std::uint8_t>(i);
  crypto::siphash_drbg drbg(seed);
  // From an independent client that talked to obfs4proxy 0.0.14.
  CHECK(drbg.next() == 0x28b572b88c1ab776);
  CHECK(drbg.next() == 0xa8de197d8e7de4b3);
  CHECK(drbg.next() == 0x4d3a58549e36707c);
  CHECK(drbg.next() == 0x9c0614afb5a7a147);
  // More than 31 blocks: the length in SipHash's last word wraps at 256 bytes. Compared with a hash of the whole.
  std::array<std::uint8_t, 16> key{};
  std::copy_n(seed.begin(), 16, key.begin());
  std::string message(seed.begin() + 16, seed.end());
  crypto::siphash_drbg again(seed);
  for (int i = 0; i < 100; ++i) {
    const auto block = again.next();
    std::array<std::uint8_t, 8> whole{};
    crypto_shorthash(whole.data(), reinterpret_cast<const unsigned char*>(message.data()), message.size(), key.data());
    std::uint64_t expected = 0;
    for (const auto b : whole) expected = expected << 8 | b;
    REQUIRE(block == expected);
    message.append(whole.begin(), whole.end());
  }
}

TEST_CASE("HKDF gives what RFC 5869 gives") {
  const auto hex = [](std::string_view raw) {
    std::string out;
    for (const unsigned char c : raw) out += "0123456789abcdef"[c >> 4U], out += "0123456789abcdef"[c & 15U];
    return out;
  };
  const auto salt = tests::unhex("000102030405060708090a0b0c"), info = tests::unhex("f0f1f2f3f4f5f6f7f8f9");
  CHECK(hex(crypto::hkdf_sha256(std::string(22, '\x0b'), salt, info, 42)) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"); // case 1
  CHECK(hex(crypto::hkdf_sha256(std::string(22, '\x0b'), "", "", 42)) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"); // case 3
}
