#include "sidecar/probe_plan.hpp"

#include <algorithm>
#include <utility>

namespace landfall::sidecar {

probe_plan::probe_plan(std::vector<fallback::entrant> entrants, config::fallback_settings settings)
    : entrants_(std::move(entrants)), settings_(settings), started_(entrants_.size()), reports_(entrants_.size()) {
  // A cap of nought would wait for ever; config/ refuses it.
  settings_.max_lanes = std::max(1, settings_.max_lanes);
  settings_.max_lanes_per_group = std::max(1, settings_.max_lanes_per_group);
}

net::race_action probe_plan::next(base::steady_time now) {
  int at_once = 0;
  bool all_ended = true;
  for (std::size_t i = 0; i < entrants_.size(); ++i) {
    if (running(i)) ++at_once;
    all_ended = all_ended && reports_[i];
  }
  if (all_ended) return net::finish{};
  if (at_once >= settings_.max_lanes) return net::wait_until{base::steady_time::max()};
  for (std::size_t i = 0; i < entrants_.size(); ++i) {
    if (!may_start(i)) continue;
    if (now < due_) return net::wait_until{due_};
    started_[i] = true;
    due_ = now + settings_.attempt_delay;
    return net::start_lane{i};
  }
  return net::wait_until{base::steady_time::max()};
}

void probe_plan::ended(std::size_t lane, fallback::lane_report report, base::steady_time) {
  reports_[lane] = std::move(report);
}

bool probe_plan::may_start(std::size_t lane) const {
  if (started_[lane]) return false;
  const auto& one = entrants_[lane];
  const bool held_back = settings_.exposure == config::exposure::quiet && one.conspicuous;
  int of_group = 0;
  for (std::size_t i = 0; i < entrants_.size(); ++i) {
    if (held_back && !entrants_[i].conspicuous && !reports_[i]) return false;
    if (running(i) && entrants_[i].group == one.group) ++of_group;
  }
  return one.group.empty() || of_group < settings_.max_lanes_per_group;
}

} // namespace landfall::sidecar
