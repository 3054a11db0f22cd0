// The identity and the vector file that the tests of obfs4 share.
#pragma once

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "wire/obfs4_identity.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>

namespace obfs4_samples {

using namespace landfall;

/// "name: value" lines, '#' for comments.
inline std::map<std::string, std::string> read_vector(const std::string& name) {
  std::ifstream in(std::string(LANDFALL_VECTORS "/wire/") + name);
  REQUIRE(in);
  std::map<std::string, std::string> out;
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(": ");
    if (!line.starts_with('#') && colon != std::string::npos) out[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return out;
}

/// 32 bytes that count up from `first`.
inline crypto::secret_key secret_of(std::uint8_t first) {
  crypto::key_bytes out{};
  for (auto& byte : out) byte = first++;
  return crypto::secret_key(out);
}

inline wire::obfs4_identity known_identity() {
  wire::obfs4_identity out;
  for (std::uint8_t i = 0; i < 20; ++i) out.open.node_id[i] = static_cast<std::uint8_t>(0x20 + i);
  out.secret = secret_of(0x01);
  out.open.public_key = crypto::x25519_public(out.secret);
  return out;
}

inline crypto::siphash_drbg::seed random_seed() {
  crypto::siphash_drbg::seed out{};
  std::copy_n(crypto::random_bytes(out.size()).begin(), out.size(), out.begin());
  return out;
}

} // namespace obfs4_samples
