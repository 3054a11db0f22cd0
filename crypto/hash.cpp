#include "crypto/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <limits>

namespace landfall::crypto {

namespace {

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

/// A hash function that fails, or a machine without random bytes, leaves nothing to go on with.
void must(bool ok) {
  if (!ok) std::abort();
}

} // namespace

std::string digest::hex() const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const auto b : bytes) {
    out += digits[b >> 4U];
    out += digits[b & 15U];
  }
  return out;
}

digest sha256(std::string_view data) {
  digest out;
  must(EVP_Digest(data.data(), data.size(), out.bytes.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return out;
}

digest hmac_sha256(std::string_view key, std::string_view data) {
  must(key.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  digest out;
  // A null pointer as key means "as before" to HMAC(), so an empty key needs an address.
  const void* const start = key.empty() ? "" : key.data();
  must(HMAC(EVP_sha256(), start, static_cast<int>(key.size()), octets(data), data.size(), out.bytes.data(), nullptr) !=
       nullptr);
  return out;
}

std::string hkdf_sha256(std::string_view secret, std::string_view salt, std::string_view info, std::size_t size) {
  must(size <= 255 * sizeof(digest::bytes));
  const auto key = hmac_sha256(salt, secret);
  std::string out, block;
  for (std::uint8_t n = 1; out.size() < size; ++n) {
    block.append(info).push_back(static_cast<char>(n));
    block = hmac_sha256(key.view(), block).view();
    out += block;
  }
  out.resize(size);
  return out;
}

std::string random_bytes(std::size_t size) {
  must(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  std::string out(size, '\0');
  must(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(size)) == 1);
  return out;
}

std::uint64_t random_below(std::uint64_t bound) {
  must(bound > 0);
  // Values under 2^64 mod bound are drawn again: a plain remainder would favour the small ones.
  const std::uint64_t smallest = (0 - bound) % bound;
  for (;;) {
    std::uint64_t value = 0;
    must(RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value) == 1);
    if (value >= smallest) return value % bound;
  }
}

bool equal_secret(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace landfall::crypto
