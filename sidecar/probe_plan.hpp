// probe_plan: when each route of a probe starts. Not a race: nobody wins, and each runs to its own end. Pure.
//
// What holds in a race holds here, since an observer cannot tell the two apart: at most max_lanes at a time, of a group
// at most max_lanes_per_group, attempt_delay between two starts; and under `quiet` no conspicuous one beside a quiet
// one, nor before it.
#pragma once

#include "fallback/line_up.hpp"
#include "net/race.hpp"

#include <optional>
#include <vector>

namespace landfall::sidecar {

class probe_plan final : public net::race_plan<fallback::lane_report> {
public:
  /// In the order in which they start; nothing of an entrant counts but its group and whether it is conspicuous.
  probe_plan(std::vector<fallback::entrant> entrants, config::fallback_settings settings);

  [[nodiscard]] net::race_action next(base::steady_time now) override;
  void progressed(std::size_t, base::stage, base::steady_time) override {}
  void ended(std::size_t lane, fallback::lane_report report, base::steady_time now) override;

  /// Of each entrant; nothing: it has not ended.
  [[nodiscard]] const std::vector<std::optional<fallback::lane_report>>& reports() const noexcept { return reports_; }

private:
  [[nodiscard]] bool running(std::size_t lane) const { return started_[lane] && !reports_[lane]; }
  [[nodiscard]] bool may_start(std::size_t lane) const;

  std::vector<fallback::entrant> entrants_;
  config::fallback_settings settings_;
  std::vector<bool> started_;
  std::vector<std::optional<fallback::lane_report>> reports_;
  base::steady_time due_ = base::steady_time::min();
};

} // namespace landfall::sidecar
