// Races in virtual time for the bench: any plan over any lanes, and the rivals' plans. Pure.
//
// tests/fallback/simulator.hpp races lanes that are known beforehand; here what a lane comes to depends on when it
// starts, as a censor's residual states do, and the bench wants to know what was spent.
#pragma once

#include "bench/race_lane.hpp"
#include "fallback/schedule.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace landfall::bench {

/// How those race who have neither classes nor a memory. Lanes start in the order of their routes.
struct rival {
  std::optional<milliseconds> stagger; ///< the next lane then, or as soon as one failed; nothing: not before
  std::optional<milliseconds> limit;   ///< of one lane
  std::size_t most = 64;               ///< lanes at a time
  milliseconds tier_gap{0};            ///< after the last start of the tier before
};

/// (d): one after the other, 5 s each. (e): Outline's racer with our caps and our tier gap. (f): everything at once.
inline constexpr rival sequential{std::nullopt, milliseconds(5000)};
inline constexpr rival staggered{milliseconds(250), std::nullopt, 4, milliseconds(3000)};
inline constexpr rival all_at_once{milliseconds(0), std::nullopt};

class rival_plan final : public net::race_plan<fallback::lane_report> {
public:
  rival_plan(std::vector<int> tiers, rival how) : lanes_(tiers.size()), tiers_(std::move(tiers)), how_(how) {}
  [[nodiscard]] net::race_action next(base::steady_time now) override;
  void progressed(std::size_t, base::stage, base::steady_time) override {}
  void ended(std::size_t lane, fallback::lane_report report, base::steady_time now) override;

private:
  enum class phase : std::uint8_t { waiting, running, stopping, done };
  struct lane_state {
    phase at = phase::waiting;
    base::steady_time started{};
  };
  [[nodiscard]] base::steady_time due(std::size_t lane, std::size_t running, base::steady_time now) const;

  std::vector<lane_state> lanes_;
  std::vector<int> tiers_;
  rival how_;
  std::optional<std::size_t> newest_;
  bool failed_ = false, won_ = false;
};

/// A lane that ran: its course, and how long it was let run.
struct ran {
  std::size_t lane = 0;
  nanoseconds started{0};
  milliseconds lasted{0};
  bool cut_off = false;
  lane_course course{};
};

struct race_log {
  std::optional<std::size_t> winner{};
  milliseconds decided{0}; ///< the win, or the end of all lanes
  milliseconds finished{0};
  std::vector<ran> lanes{}; ///< in the order of their starts
  std::string complaint{};  ///< not empty: the plan hung or span, and nothing here counts
};

using course_fn = std::function<lane_course(std::size_t lane, nanoseconds at)>;
using report_fn = std::function<fallback::lane_report(std::size_t lane, const lane_course&)>;
using ended_fn = std::function<void(std::size_t lane, const fallback::lane_report&, nanoseconds at)>;

/// `report` says what a lane of that course ended with, or of the part of it that was over when it was cut off;
/// `on_end` may be empty.
[[nodiscard]] race_log run_race(net::race_plan<fallback::lane_report>& plan, const course_fn& course,
                                const report_fn& report, const ended_fn& on_end);

/// What an observer saw of a race.
struct cost {
  double bytes = 0;
  unsigned connections = 0;
  std::size_t names = 0, addresses = 0;
};
[[nodiscard]] cost cost_of(const race_log& race);

} // namespace landfall::bench
