#include "sidecar/pace.hpp"

#include <algorithm>

namespace landfall::sidecar {

using base::steady_time;
using namespace std::chrono_literals;

namespace {

constexpr pace::duration first_pause = 2s, longest_pause = 5min, longest_pause_with_list = 1h;
constexpr pace::duration longest_pause_at_portal = 1min, interrupted_pause = 2s;
constexpr pace::duration client_pause = 30s, refresh_pause = 2s, longest_failed_pause = 1h;
constexpr pace::duration first_poll_least = 10min, first_poll_most = 60min, poll_least = 4h, poll_most = 8h;
constexpr pace::duration root_least = 21h, root_most = 24h;

} // namespace

pace::pace(steady_time start, std::uint64_t seed)
    : random_(seed), next_race_(start), next_poll_(start + between(first_poll_least, first_poll_most)),
      next_root_(start), pause_(first_pause) {}

pace::duration pace::between(duration least, duration most) {
  return duration(std::uniform_int_distribution<duration::rep>(least.count(), most.count())(random_));
}

steady_time pace::after_last(steady_time now, duration pause) const {
  return last_race_ ? std::max(now, *last_race_ + pause) : now;
}

steady_time pace::next_race(steady_time now, const facts& known) const {
  auto when = known.fresh ? steady_time::max() : next_race_;
  if (failed_race_at_) when = std::min(when, *failed_race_at_);
  if (!known.free_in) return steady_time::max();
  // "Now or later" would always lie after the now that it is compared with: where nothing waits, now has no say.
  return *known.free_in == 0ms ? when : std::max(when, now + *known.free_in);
}

pace::step pace::next(steady_time now, const facts& known) const {
  // A refresh is answered even when all routes wait: the race that it asked for tells for how long.
  const auto refresh = last_race_ ? *last_race_ + refresh_pause : steady_time::min();
  if (refresh_wanted_ && now >= refresh) return {act::race, now};
  const auto race = known.no_network ? steady_time::max() : next_race(now, known);
  const auto poll = known.fresh && !known.no_network ? next_poll_ : steady_time::max();
  if (now >= race) return {act::race, now};
  if (now >= poll) return {act::poll, now};
  auto until = std::min(race, poll);
  if (refresh_wanted_) until = std::min(until, refresh);
  return {act::wait, until};
}

bool pace::race_by(steady_time until, steady_time now, const facts& known) const {
  return refresh_wanted_ || next_race(now, known) <= until;
}

void pace::client_waits(steady_time now) { next_race_ = std::min(next_race_, after_last(now, client_pause)); }

void pace::peers_failed(steady_time now) {
  if (failed_race_at_) return;
  failed_race_at_ = after_last(now, failed_pause_);
  failed_pause_ = std::min(failed_pause_ * 2, longest_failed_pause);
}

void pace::raced(steady_time now, const facts& after) {
  last_race_ = now;
  refresh_wanted_ = false;
  failed_race_at_.reset();
  next_race_ = now;
  if (after.fresh) {
    pause_ = first_pause;
    next_poll_ = now + between(poll_least, poll_most);
    return;
  }
  next_race_ += between(pause_ * 4 / 5, pause_ * 6 / 5);
  const auto longest = after.behind_portal ? longest_pause_at_portal
                       : after.usable      ? longest_pause_with_list
                                           : longest_pause;
  pause_ = std::min(pause_ * 2, longest);
}

void pace::interrupted(steady_time now) {
  next_race_ = cut_at_ ? std::max(now, *cut_at_ + interrupted_pause) : now;
  cut_at_ = now;
  pause_ = first_pause;
}

void pace::network_changed(steady_time now) {
  next_race_ = std::min(next_race_, after_last(now, interrupted_pause));
  pause_ = first_pause;
}

bool pace::polled(steady_time now, const std::string& kind) {
  next_poll_ = now + between(poll_least, poll_most);
  if (!kind.empty()) polled_[kind] = now;
  if (kind.empty() || now < next_root_) return false;
  next_root_ = now + between(root_least, root_most);
  return true;
}

std::string pace::kind_to_poll(const std::set<std::string>& kinds) const {
  const auto when = [this](const std::string& kind) {
    const auto found = polled_.find(kind);
    return found == polled_.end() ? steady_time::min() : found->second;
  };
  const auto place =
      std::min_element(kinds.begin(), kinds.end(), [&](const auto& a, const auto& b) { return when(a) < when(b); });
  return place == kinds.end() ? std::string() : *place;
}

} // namespace landfall::sidecar
