// What obfs4's two sides draw before they ask wire/, which draws nothing itself.
#pragma once

#include "crypto/hash.hpp"
#include "crypto/siphash.hpp"

#include <algorithm>
#include <string>

namespace landfall::ptclient {

/// Random bytes, of `least` to `most` the number, uniformly.
[[nodiscard]] inline std::string random_padding(std::size_t least, std::size_t most) {
  return crypto::random_bytes(least + crypto::random_below(most - least + 1));
}

[[nodiscard]] inline crypto::siphash_drbg::seed random_seed() {
  crypto::siphash_drbg::seed out{};
  const auto bytes = crypto::random_bytes(out.size());
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

} // namespace landfall::ptclient
