#include "peers/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <tuple>

namespace landfall::peers {

namespace {

constexpr int max_per_group = 1, max_per_asn = 2, max_per_country = 4;

/// In the order in which they are relaxed: what a liar could most easily have chosen goes last.
enum rule : std::size_t { country, asn, group, kind };
constexpr std::string_view rule_names[] = {"country", "asn", "group", "kind"};
constexpr std::size_t rule_count = std::size(rule_names);

bool is_signed(const candidate& c) { return c.source == source::list || c.source == source::seed; }
bool is_manual(const candidate& c) { return c.source == source::manual; }
bool is_hint(const candidate& c) { return !is_signed(c) && !is_manual(c); }

/// Leaves one candidate of each id, the signed one before others, and none without endpoints; sorted by id.
void tidy(std::vector<candidate>& candidates) {
  std::erase_if(candidates, [](const candidate& c) { return c.endpoints.empty(); });
  std::sort(candidates.begin(), candidates.end(), [](const candidate& a, const candidate& b) {
    return std::tuple(std::string_view(a.id), !is_signed(a), a.source) <
           std::tuple(std::string_view(b.id), !is_signed(b), b.source);
  });
  const auto end = std::unique(candidates.begin(), candidates.end(),
                               [](const candidate& a, const candidate& b) { return a.id == b.id; });
  candidates.erase(end, candidates.end());
}

/// A candidate with what the choice needs to know of it, computed once.
struct entry {
  const candidate* of = nullptr;
  std::array<std::string, rule_count> keys; ///< by rule; empty: the rule does not apply
  double draw = 0;
  bool taken = false;
};

/// What is not known is replaced by the group, never by one word for all: or all unknown ones would share one place.
entry entry_of(const candidate& c) {
  const std::string its_group = group_of(c.endpoints.front());
  return {.of = &c,
          .keys = {c.cc.empty() ? its_group : c.cc, c.asn == 0 ? its_group : std::to_string(c.asn), its_group,
                   is_hint(c) ? std::string(name(c.source)) : std::string()}};
}

/// Those that the VPN could not reach come last, the rest in a weighted shuffle: each draws an exponentially
/// distributed number whose rate is its weight, and the smallest goes first (Efraimidis and Spirakis). Signed before
/// hints.
std::vector<entry> shuffled(const std::vector<candidate>& candidates, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<entry> out;
  out.reserve(candidates.size());
  for (const auto& c : candidates) {
    const double uniform = (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53; // in (0, 1)
    out.push_back(entry_of(c));
    out.back().draw = c.weight > 0 ? -std::log(uniform) / static_cast<double>(c.weight)
                                   : std::numeric_limits<double>::max() / 2 * (1 + uniform);
  }
  const auto rank = [](const entry& e) { return std::tuple(e.of->failures, is_hint(*e.of), e.draw); };
  std::sort(out.begin(), out.end(), [&](const entry& a, const entry& b) { return rank(a) < rank(b); });
  return out;
}

/// Who has been taken so far, and which rules one more would break.
class tally {
public:
  explicit tally(std::size_t count)
      : limits_{max_per_country, max_per_asn, max_per_group, static_cast<int>((count + 1) / 2)} {}

  [[nodiscard]] std::vector<rule> broken_by(const entry& e) const {
    std::vector<rule> out;
    for (const rule r : {country, asn, group, kind}) {
      const auto at = counts_[r].find(e.keys[r]);
      if (at != counts_[r].end() && at->second >= limits_[r]) out.push_back(r);
    }
    return out;
  }
  void take(const entry& e) {
    for (const rule r : {country, asn, group, kind})
      if (!e.keys[r].empty()) ++counts_[r][e.keys[r]];
  }

private:
  std::array<int, rule_count> limits_;
  std::array<std::map<std::string, int>, rule_count> counts_;
};

bool within(const std::vector<rule>& broken, std::size_t relaxed) {
  return std::all_of(broken.begin(), broken.end(), [&](rule r) { return r < relaxed; });
}

} // namespace

std::string_view name(source value) noexcept {
  switch (value) {
  case source::list: return "list";
  case source::live: return "live";
  case source::dht: return "dht";
  case source::lan: return "lan";
  case source::exchange: return "exchange";
  case source::seed: return "seed";
  case source::manual: return "manual";
  }
  return {};
}

std::string group_of(const config::endpoint& endpoint) {
  const auto& [bytes, v6] = endpoint.address;
  const auto v4_group = [&](std::size_t at) { return fmt::format("{}.{}.0.0/16", bytes[at], bytes[at + 1]); };
  if (!v6) return v4_group(0);
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return v4_group(2); // 6to4
  static constexpr std::array<std::uint8_t, 12> nat64{0x00, 0x64, 0xff, 0x9b};
  if (std::equal(nat64.begin(), nat64.end(), bytes.begin())) return v4_group(12);
  return fmt::format("{:02x}{:02x}:{:02x}{:02x}::/32", bytes[0], bytes[1], bytes[2], bytes[3]);
}

chosen choose(std::vector<candidate> candidates, std::size_t count, std::uint64_t seed) {
  tidy(candidates);
  auto entries = shuffled(candidates, seed);
  const auto many = [&](auto is) {
    return static_cast<std::size_t>(std::count_if(candidates.begin(), candidates.end(), is));
  };
  // Shares of the answer that manual peers and hints leave to others, as far as there are others.
  const std::size_t half = (count + 1) / 2;
  const std::size_t manual_share =
      std::min(many(is_manual), count - std::min(half, candidates.size() - many(is_manual)));
  std::size_t hints_left = count - manual_share - std::min({half, many(is_signed), count - manual_share});

  chosen out;
  std::set<rule> broken;
  tally so_far(count);
  const auto take = [&](entry& e) {
    e.taken = true;
    const auto later = [](const candidate& a, const candidate& b) { return a.failures < b.failures; };
    out.peers.insert(std::upper_bound(out.peers.begin(), out.peers.end(), *e.of, later), *e.of);
  };
  const auto take_manual = [&](std::size_t until) {
    for (auto& e : entries)
      if (out.peers.size() < until && is_manual(*e.of) && !e.taken) take(e);
  };
  take_manual(manual_share);
  for (std::size_t relaxed = 0; relaxed <= rule_count && out.peers.size() < count; ++relaxed)
    for (auto& e : entries) {
      if (out.peers.size() == count) break;
      if (e.taken || is_manual(*e.of) || (is_hint(*e.of) && hints_left == 0)) continue;
      const auto breaks = so_far.broken_by(e);
      if (!within(breaks, relaxed)) continue;
      broken.insert(breaks.begin(), breaks.end());
      so_far.take(e);
      if (is_hint(*e.of)) --hints_left;
      take(e);
    }
  take_manual(count);
  for (const rule r : broken) out.degraded.emplace_back(rule_names[r]);
  return out;
}

} // namespace landfall::peers
