// The shape of an obfs4 bridge's traffic: a distribution of lengths, and one of pauses, that both sides draw from.
//
// The server makes a seed and tells its clients; both derive the same tables, so that one bridge's packets look alike
// and two bridges' do not. obfs4proxy derives them by Go's math/rand over its own generator. Nothing breaks when the
// tables differ, but then the two directions of one connection have two shapes: so Go's is followed to the bit.
#pragma once

#include "crypto/siphash.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace landfall::wire {

/// Go 1's math/rand over a siphash_drbg.
class go_random {
public:
  explicit go_random(const crypto::siphash_drbg::seed& seed) noexcept : source_(seed) {}
  [[nodiscard]] std::uint32_t below(std::uint32_t bound) noexcept; ///< Intn; 0 < bound < 2^31
  [[nodiscard]] double unit() noexcept;                            ///< Float64: [0, 1)
  [[nodiscard]] std::vector<std::uint16_t> permutation(std::uint16_t size);

private:
  std::uint64_t int63() noexcept { return source_.next() & ~(std::uint64_t{1} << 63); }
  crypto::siphash_drbg source_;
};

/// 1 to 100 values of 0 … `largest` with random weights; Vose's alias method.
class obfs4_distribution {
public:
  obfs4_distribution(const crypto::siphash_drbg::seed& seed, std::uint16_t largest);
  [[nodiscard]] std::uint16_t sample(crypto::siphash_drbg& random) const noexcept;
  /// For tests: how likely each value is.
  [[nodiscard]] std::vector<std::pair<std::uint16_t, double>> probabilities() const;

private:
  void make_aliases(std::vector<double> weights);
  struct column {
    std::uint16_t value;
    std::uint16_t alias = 0; ///< the value taken otherwise
    double own = 1.0;        ///< how likely it is the own value
  };
  std::vector<column> columns_;
};

/// Both tables of one seed. 2.5 KB at most; made once for a server, twice for a client's connection.
struct obfs4_shape {
  explicit obfs4_shape(const crypto::siphash_drbg::seed& seed);
  obfs4_distribution lengths; ///< of a burst's last segment, or in iat mode 2 of each
  obfs4_distribution pauses;  ///< in 100 µs
};

} // namespace landfall::wire
