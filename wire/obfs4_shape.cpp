#include "wire/obfs4_shape.hpp"

#include "crypto/hash.hpp"
#include "wire/obfs4_session.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <string_view>
#include <utility>

namespace landfall::wire {

namespace {
constexpr std::uint32_t most_values = 100;
constexpr std::uint16_t longest_pause = 100; // of 100 µs

crypto::siphash_drbg::seed pause_seed(const crypto::siphash_drbg::seed& seed) {
  const auto digest = crypto::sha256({reinterpret_cast<const char*>(seed.data()), seed.size()});
  crypto::siphash_drbg::seed out{};
  std::copy_n(digest.bytes.begin(), out.size(), out.begin());
  return out;
}
} // namespace

std::uint32_t go_random::below(std::uint32_t bound) noexcept {
  const auto int31 = [this] { return static_cast<std::uint32_t>(int63() >> 32); };
  if ((bound & (bound - 1)) == 0) return int31() & (bound - 1);
  const auto largest = 0x7fffffffU - 0x80000000U % bound;
  auto value = int31();
  while (value > largest) value = int31();
  return value % bound;
}

double go_random::unit() noexcept {
  for (;;) {
    const double out = static_cast<double>(int63()) / 9223372036854775808.0; // 2^63
    if (out < 1) return out;                                                 // rounding can reach 1
  }
}

std::vector<std::uint16_t> go_random::permutation(std::uint16_t size) {
  std::vector<std::uint16_t> out(size);
  for (std::uint16_t i = 0; i < size; ++i) { // from 0, as Go 1 promised: the first draw decides nothing
    const auto j = below(i + 1U);
    out[i] = out[j];
    out[j] = i;
  }
  return out;
}

obfs4_distribution::obfs4_distribution(const crypto::siphash_drbg::seed& seed, std::uint16_t largest) {
  go_random random(seed);
  const auto values = random.permutation(static_cast<std::uint16_t>(largest + 1));
  const auto count = random.below(std::min<std::uint32_t>(largest + 1U, most_values)) + 1;
  columns_.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) columns_.push_back({.value = values[i]});
  std::vector<double> weights(count);
  for (auto& weight : weights) weight = random.unit();
  make_aliases(std::move(weights));
}

/// Vose (1991), in obfs4proxy's order: first in, first out.
void obfs4_distribution::make_aliases(std::vector<double> weights) {
  double sum = 0;
  for (const auto weight : weights) sum += weight;
  std::deque<std::size_t> small, large;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = sum > 0 ? weights[i] * static_cast<double>(weights.size()) / sum : 1.0;
    (weights[i] < 1.0 ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const auto s = small.front(), l = large.front();
    small.pop_front();
    large.pop_front();
    columns_[s].own = weights[s];
    columns_[s].alias = columns_[l].value;
    weights[l] = weights[l] + weights[s] - 1.0;
    (weights[l] < 1.0 ? small : large).push_back(l);
  }
}

std::uint16_t obfs4_distribution::sample(crypto::siphash_drbg& random) const noexcept {
  const auto& drawn = columns_[random.next() % columns_.size()];
  const double coin = static_cast<double>(random.next() >> 11) / 9007199254740992.0; // 2^53
  return coin <= drawn.own ? drawn.value : drawn.alias;
}

std::vector<std::pair<std::uint16_t, double>> obfs4_distribution::probabilities() const {
  std::map<std::uint16_t, double> sums;
  const auto each = 1.0 / static_cast<double>(columns_.size());
  for (const auto& one : columns_) {
    sums[one.value] += each * one.own;
    if (one.own < 1) sums[one.alias] += each * (1 - one.own);
  }
  return {sums.begin(), sums.end()};
}

obfs4_shape::obfs4_shape(const crypto::siphash_drbg::seed& seed)
    : lengths(seed, obfs4_max_segment), pauses(pause_seed(seed), longest_pause) {}

} // namespace landfall::wire
