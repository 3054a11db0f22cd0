#include "fallback/schedule.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace landfall::fallback {

namespace {
constexpr double jitter = 0.2; // never later: docs/adr/0012
constexpr auto never = base::steady_time::max();
} // namespace

bool ends_race(const lane_report& report) noexcept {
  if (report.tier != trust::tier::a) return false;
  return report.outcome == base::outcome::won || report.outcome == base::outcome::verified_same;
}

schedule::schedule(std::vector<entrant> entrants, config::fallback_settings settings, std::uint64_t seed,
                   std::chrono::milliseconds compare)
    : line_(std::move(entrants)), lanes_(line_.size()), settings_(settings), random_(seed), compare_(compare) {
  // A cap of nought would wait for ever. config/ refuses it; a pure class does not rely on that.
  settings_.max_lanes = std::max(1, settings_.max_lanes);
  settings_.max_lanes_per_group = std::max(1, settings_.max_lanes_per_group);
}

net::race_action schedule::next(base::steady_time now) {
  if (winner_) return after_win(now);
  if (reports_.size() == lanes_.size()) return net::finish{};
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
  if (state.at != phase::running) return;
  state.moved = now;
  state.reached = std::max(state.reached, at);
}

void schedule::ended(std::size_t lane, lane_report report, base::steady_time) {
  auto& state = lanes_[lane];
  if (state.at == phase::done) return;
  state.at = phase::done;
  // One that a penalty kept from running has failed: there is nothing to wait for.
  state.failed_hard = base::policy_of(report.outcome).hard || report.penalised_until;
  state.brought = report.tier.has_value();
  if (!winner_ && ends_race(report)) winner_ = lane;
  ++failures_to_answer_;
  std::vector<bool> waiting(lanes_.size());
  for (std::size_t i = 0; i < lanes_.size(); ++i) waiting[i] = lanes_[i].at == phase::waiting;
  line_.learn(lane, report, tier_.value_or(line_[lane].tier), waiting);
  reports_.push_back(std::move(report));
}

bool schedule::decided() const noexcept {
  if (!winner_) return reports_.size() == lanes_.size();
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (lanes_[i].at == phase::running && i != companion_) return false;
  return won_at_.has_value();
}

/// The first lane up to this tier that may run beside those that do.
std::optional<std::size_t> schedule::candidate(int tier) const {
  for (const auto i : line_.order())
    if (lanes_[i].at == phase::waiting && line_[i].tier <= tier && !held_back(i) && room_in_group(i)) return i;
  return std::nullopt;
}

/// Under `quiet` no conspicuous route runs beside a quiet one that has not failed, nor before one.
bool schedule::held_back(std::size_t lane) const {
  if (settings_.exposure != config::exposure::quiet || !line_[lane].conspicuous) return false;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (!line_[i].conspicuous && lanes_[i].at != phase::done) return true;
  return false;
}

bool schedule::room_in_group(std::size_t lane) const {
  const auto& group = line_[lane].group;
  if (group.empty()) return true;
  int running = 0;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (lanes_[i].at == phase::running && line_[i].group == group) ++running;
  return running < settings_.max_lanes_per_group;
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
    const int tier = line_[i].tier;
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
    if (line_[i].tier != *tier_) continue;
    if (lanes_[i].at != phase::waiting) last = std::max(last, lanes_[i].started);
    all_hard = all_hard && lanes_[i].at == phase::done && lanes_[i].failed_hard;
  }
  return last + (all_hard ? std::min(settings_.tier_gap, hard_tier_gap) : settings_.tier_gap);
}

std::chrono::nanoseconds schedule::jittered_delay() {
  const double factor = 1 - jitter * unit(random_);
  const std::chrono::nanoseconds delay = settings_.attempt_delay;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(delay.count()) * factor));
}

void schedule::start(std::size_t lane, base::steady_time now) {
  lanes_[lane].at = phase::running;
  lanes_[lane].started = lanes_[lane].moved = now;
  if (line_[lane].tier > *tier_) {
    tier_ = line_[lane].tier;
    tier_opened_ = now;
  }
  due_ = now + std::max<std::chrono::nanoseconds>(jittered_delay(), line_[lane].head_start);
  if (failures_to_answer_ > 0) --failures_to_answer_;
}

net::race_action schedule::after_win(base::steady_time now) {
  if (!won_at_) {
    won_at_ = now;
    if (compare_ > std::chrono::milliseconds(0)) companion_ = choose_companion(now);
  }
  if (!companion_) return net::finish{};
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    auto& lane = lanes_[i];
    if (lane.at != phase::running || i == companion_ || lane.told_to_stop) continue;
    lane.told_to_stop = true;
    return net::cancel_lane{i};
  }
  const auto until = *won_at_ + compare_;
  const auto& one = lanes_[*companion_];
  // One that the server answered. What ended before is the censor's work, and no reason to knock at another door.
  const bool failed = one.at == phase::done && !one.brought && one.reached >= base::stage::tls;
  if (failed && now < until && !std::exchange(replaced_, true)) {
    const auto other = best_waiting();
    if (!other) return net::finish{};
    companion_ = other;
  }
  auto& second = lanes_[*companion_];
  if (second.at == phase::done || now >= until) return net::finish{};
  if (second.at != phase::waiting) return net::wait_until{until};
  second.at = phase::running;
  second.started = second.moved = now;
  return net::start_lane{*companion_};
}

/// One that runs and gets on costs nothing: of another kind first. Where there was no burst of starts, one of another
/// kind that was never timed here is worth a connection. A lane at a standstill serves when no other may be started.
std::optional<std::size_t> schedule::choose_companion(base::steady_time now) const {
  const auto gets_on = best_running(now, false);
  if (gets_on && other_kind(*gets_on)) return gets_on;
  const auto fresh = best_waiting();
  const auto lately = std::ranges::count_if(
      lanes_, [&](const lane_state& one) { return one.at != phase::waiting && now < one.started + burst; });
  const bool room = lately < settings_.max_lanes;
  if (fresh && room && other_kind(*fresh) && !line_[*fresh].timed) return fresh;
  if (gets_on) return gets_on;
  if (fresh && room) return fresh;
  const auto any = best_running(now, true);
  return any ? any : fresh;
}

/// Of another kind, then the one that is furthest. Those that have just started, or answered and moved lately;
/// `standing_too`: all.
std::optional<std::size_t> schedule::best_running(base::steady_time now, bool standing_too) const {
  std::optional<std::size_t> best;
  const auto key = [this](std::size_t i) { return std::tuple(other_kind(i), lanes_[i].reached); };
  for (const auto i : line_.order()) {
    const auto& lane = lanes_[i];
    if (lane.at != phase::running || !may_be_compared(i)) continue;
    const bool gets_on = now < lane.started + settings_.attempt_delay ||
                         (lane.reached >= base::stage::connect && now < lane.moved + silent_lane);
    if ((gets_on || standing_too) && (!best || key(i) > key(*best))) best = i;
  }
  return best;
}

/// Not of a kind that failed in this race and brought nothing; never timed on this network; of another kind; as ranked.
std::optional<std::size_t> schedule::best_waiting() const {
  std::optional<std::size_t> best;
  const auto key = [this](std::size_t i) { return std::tuple(!kind_failed(i), !line_[i].timed, other_kind(i)); };
  for (const auto i : line_.order())
    if (lanes_[i].at == phase::waiting && may_be_compared(i) && (!best || key(i) > key(*best))) best = i;
  return best;
}

bool schedule::other_kind(std::size_t lane) const { return line_[lane].kind != line_[*winner_].kind; }

bool schedule::kind_failed(std::size_t lane) const {
  bool failed = false;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (line_[i].kind != line_[lane].kind) continue;
    if (lanes_[i].brought) return false;
    failed = failed || lanes_[i].failed_hard;
  }
  return failed;
}

/// Of another group; and to compare is no reason to be noticed.
bool schedule::may_be_compared(std::size_t lane) const {
  const auto& winner = line_[*winner_];
  const auto& other = line_[lane];
  if (lane == winner_ || (!other.group.empty() && other.group == winner.group)) return false;
  if (lanes_[lane].at == phase::running) return true;
  if (may_start_program(other.kind)) return false;
  if (!other.conspicuous) return true;
  return settings_.exposure == config::exposure::fast ||
         (winner.conspicuous && settings_.exposure == config::exposure::balanced);
}

} // namespace landfall::fallback
