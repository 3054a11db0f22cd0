#include "fallback/line_up.hpp"

#include "config/endpoint.hpp"

#include <algorithm>
#include <numeric>

namespace landfall::fallback {

namespace {

bool filtered_by_name(const entrant& who, base::outcome what) {
  return who.shows_name && (what == base::outcome::reset_after_hello || what == base::outcome::stalled_after_hello);
}

bool dropped(const lane_report& report) {
  return report.outcome == base::outcome::timed_out && report.stage == base::stage::connect;
}

/// Known to lie where `block` is: all of its places, since one that lies elsewhere may be open.
bool lies_in(const entrant& who, const std::string& block) {
  if (block.empty() || who.places.empty()) return false;
  return std::ranges::all_of(who.places, [&](const base::place& one) { return block_of(one.address) == block; });
}

} // namespace

std::string block_of(const std::string& address) {
  const auto parsed = config::ip_address::parse(address);
  if (!parsed) return {};
  const std::size_t length = parsed->v6 ? 6 : 3;
  return std::string(parsed->v6 ? "6" : "4") + std::string(reinterpret_cast<const char*>(parsed->bytes.data()), length);
}

line_up::line_up(std::vector<entrant> entrants) : entrants_(std::move(entrants)), order_(entrants_.size()) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
}

void line_up::learn(std::size_t lane, const lane_report& report, int open_tier, const std::vector<bool>& waiting) {
  const auto& ended = entrants_[lane];
  const auto block = dropped(report) && report.where ? block_of(report.where->address) : std::string();
  std::vector<bool> next(size()), last(size());
  for (std::size_t i = 0; i < size(); ++i) {
    if (!waiting[i]) continue;
    const auto& one = entrants_[i];
    next[i] = filtered_by_name(ended, report.outcome) && !one.shows_name && !one.conspicuous;
    const bool same_group = !one.group.empty() && one.group == ended.group;
    last[i] = (dropped(report) && (same_group || lies_in(one, block))) ||
              (report.outcome == base::outcome::dns_poisoned && one.plain_lookup);
  }
  to_front(next, open_tier);
  to_back(last);
}

void line_up::to_front(const std::vector<bool>& which, int open_tier) {
  for (std::size_t i = 0; i < size(); ++i)
    if (which[i]) entrants_[i].tier = std::min(entrants_[i].tier, open_tier);
  std::ranges::stable_partition(order_, [&which](std::size_t lane) { return which[lane]; });
}

void line_up::to_back(const std::vector<bool>& which) {
  int last = 0;
  for (const auto& one : entrants_) last = std::max(last, one.tier);
  for (std::size_t i = 0; i < size(); ++i)
    if (which[i]) entrants_[i].tier = last;
  std::ranges::stable_partition(order_, [&which](std::size_t lane) { return !which[lane]; });
}

} // namespace landfall::fallback
