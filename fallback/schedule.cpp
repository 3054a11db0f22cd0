#include "fallback/schedule.hpp"

#include "fallback/random.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace landfall::fallback {

namespace {
constexpr double jitter = 0.2;
constexpr auto never = base::steady_time::max();
} // namespace

std::vector<std::size_t> rank(std::span<const entrant> routes) {
  std::vector<std::size_t> order(routes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // The index breaks ties: what std::stable_sort does, without libstdc++'s deprecated buffer, which clang refuses.
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(routes[i].tier, i); });
  return order;
}

bool ends_race(const lane_report& report) noexcept {
  if (report.tier != trust::tier::a) return false;
  return report.outcome == base::outcome::won || report.outcome == base::outcome::verified_same;
}

schedule::schedule(std::vector<entrant> entrants, config::fallback_settings settings, std::uint64_t seed)
    : entrants_(std::move(entrants)), lanes_(entrants_.size()), settings_(settings), random_(seed) {
  // A cap of nought would wait for ever. config/ refuses it; a pure class does not rely on that.
  settings_.max_lanes = std::max(1, settings_.max_lanes);
  settings_.max_lanes_per_group = std::max(1, settings_.max_lanes_per_group);
}

net::race_action schedule::next(base::steady_time now) {
  if (winner_ || reports_.size() == lanes_.size()) return net::finish{};
  if (!tier_) {
    tier_ = next_tier();
    tier_opened_ = due_ = now;
  }
  for (;;) {
    auto lane = candidate(*tier_);
    auto due = lane && failures_to_answer_ > 0 ? now : due_;
    if (!lane) {
      failures_to_answer_ = 0;
      const auto tier = next_tier();
      if (!tier) return net::wait_until{never};
      due = std::max(due_, next_tier_due());
      lane = candidate(*tier);
      if (!lane && now >= due) { // all its groups are full: its time runs nevertheless
        tier_ = tier;
        tier_opened_ = now;
        continue;
      }
    }
    if (now < due) return net::wait_until{due};
    if (const auto free = slot_free(now); now < free) {
      failures_to_answer_ = 0;
      return net::wait_until{free};
    }
    start(*lane, now);
    return net::start_lane{*lane};
  }
}

void schedule::progressed(std::size_t lane, base::stage at, base::steady_time now) {
  auto& state = lanes_[lane];
  // A name that resolves is no progress on the way to the server: a poisoned answer is the fastest one.
  if (state.at != phase::running || at < base::stage::connect || at <= state.reached) return;
  state.reached = at;
  if (lane == newest_) due_ = std::max(due_, std::min(now + delay_, state.started + longest_restart));
}

void schedule::ended(std::size_t lane, lane_report report, base::steady_time) {
  auto& state = lanes_[lane];
  if (state.at == phase::done) return;
  state.at = phase::done;
  state.failed_hard = base::policy_of(report.outcome).hard;
  if (!winner_ && ends_race(report)) winner_ = lane;
  ++failures_to_answer_;
  reports_.push_back(std::move(report));
}

/// The first lane up to this tier whose group has room.
std::optional<std::size_t> schedule::candidate(int tier) const {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].at != phase::waiting || entrants_[i].tier > tier) continue;
    if (entrants_[i].group.empty()) return i;
    int of_group = 0;
    for (std::size_t k = 0; k < lanes_.size(); ++k)
      if (lanes_[k].at == phase::running && entrants_[k].group == entrants_[i].group) ++of_group;
    if (of_group < settings_.max_lanes_per_group) return i;
  }
  return std::nullopt;
}

/// `now` when another lane may run; else the moment when enough silent ones stop counting, if time alone does that.
base::steady_time schedule::slot_free(base::steady_time now) const {
  std::size_t running = 0;
  int answered = 0;
  std::vector<base::steady_time> stop_counting; // of the silent ones that still count
  for (const auto& lane : lanes_) {
    if (lane.at != phase::running) continue;
    ++running;
    if (lane.reached >= base::stage::connect)
      ++answered;
    else if (now < lane.started + silent_lane)
      stop_counting.push_back(lane.started + silent_lane);
  }
  if (running >= max_sockets) return never;
  const int counted = answered + static_cast<int>(stop_counting.size());
  if (counted < settings_.max_lanes) return now;
  if (answered >= settings_.max_lanes) return never;
  std::sort(stop_counting.begin(), stop_counting.end());
  return stop_counting[static_cast<std::size_t>(counted - settings_.max_lanes)];
}

std::optional<int> schedule::next_tier() const {
  std::optional<int> out;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const int tier = entrants_[i].tier;
    if (lanes_[i].at == phase::waiting && (!tier_ || tier > *tier_) && (!out || tier < *out)) out = tier;
  }
  return out;
}

/// When a tier has lanes that cannot start because their group is full, its last lane is the last one that could: a
/// stalled group must not lock out the tiers behind it.
base::steady_time schedule::next_tier_due() const {
  auto last = tier_opened_;
  bool all_hard = true;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (entrants_[i].tier != *tier_) continue;
    if (lanes_[i].at != phase::waiting) last = std::max(last, lanes_[i].started);
    all_hard = all_hard && lanes_[i].at == phase::done && lanes_[i].failed_hard;
  }
  return last + (all_hard ? std::min(settings_.tier_gap, hard_tier_gap) : settings_.tier_gap);
}

std::chrono::nanoseconds schedule::jittered_delay() {
  const double factor = 1 - jitter + 2 * jitter * unit(random_);
  const std::chrono::nanoseconds delay = settings_.attempt_delay;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(delay.count()) * factor));
}

void schedule::start(std::size_t lane, base::steady_time now) {
  lanes_[lane].at = phase::running;
  lanes_[lane].started = now;
  if (entrants_[lane].tier > *tier_) {
    tier_ = entrants_[lane].tier;
    tier_opened_ = now;
  }
  newest_ = lane;
  delay_ = jittered_delay();
  due_ = now + delay_;
  if (failures_to_answer_ > 0) --failures_to_answer_;
}

} // namespace landfall::fallback
