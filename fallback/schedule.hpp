// schedule: which lane starts when. Pure: entrants, settings and what happened in; actions out (net::race_plan).
//
// Lanes start in order of tier, then as ranked; one whose group is full is passed over until there is room. The next
// one starts `attempt_delay` after the last start, up to 20 % earlier (from the given random source), however far the
// others are: a lane that a censor will stall makes the same progress as one that will win (docs/adr/0012). At once
// when a lane failed; a higher tier only `tier_gap` after the start of the last lane of the tier before, or 1 s after
// it when that whole tier failed hard. At most `max_lanes` at a time (a lane without SYN-ACK for 1.5 s no longer counts
// until it answers; 8 at most), `max_lanes_per_group` of one group (silent ones count here: what is of one group fails
// together, and more SYNs to it only draw attention). A lane with a head start runs alone for that long, unless it
// fails.
//
// How a lane failed changes the plan of those that have not started (line_up.hpp).
//
// Decided by the first lane whose report `ends_race`, or when all ended. After a win one lane of another group runs on
// for `compare` at most: two lists of one version, or a newer one on another route, are seen only by who looks twice.
// All others are cancelled at the win. Which one: what costs no connection before what does, another kind before the
// same, and never one that might have to start tor for it; where no burst went before, one that was never timed on this
// network is worth a connection, and so the memory learns which route is the quickest. One that a server answered
// wrongly is followed by one more.
#pragma once

#include "fallback/line_up.hpp"
#include "fallback/random.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace landfall::fallback {

/// After this long without SYN-ACK a lane no longer counts towards max_lanes: the address is probably dropped, and
/// waiting for its deadline would let a few dropped routes starve all others.
inline constexpr std::chrono::milliseconds silent_lane{1500};
/// The tier gap when every route of the tier failed hard: there is nothing left to wait for but a burst to avoid.
inline constexpr std::chrono::milliseconds hard_tier_gap{1000};
inline constexpr std::size_t max_sockets = 8; ///< lanes running at a time, silent ones included
/// In this time no more than max_lanes are started, one to be compared included: more would be a burst.
inline constexpr std::chrono::milliseconds burst{2000};
/// How long a second route may take to be compared with the winner: a whole fetch of a slow one.
inline constexpr std::chrono::milliseconds compare_after_win{5000};

/// True when this lane brought a list of tier A that is not below the floor: adopted, or byte for byte the one in hand.
/// The latter happens when a race was asked for (refresh) while the list in hand is fresh: no newer one is on that
/// route, and what a withholding route can hide is bounded by `fresh_until`. Everything else, an authentic but older
/// list, an equivocation, a lower tier though adopted, leaves the race running.
[[nodiscard]] bool ends_race(const lane_report& report) noexcept;

class schedule final : public net::race_plan<lane_report> {
public:
  /// `entrants` in ranked order, tiers never falling; `seed` for the jitter, printed by tests. `compare` 0: everything
  /// ends with the win.
  schedule(std::vector<entrant> entrants, config::fallback_settings settings, std::uint64_t seed,
           std::chrono::milliseconds compare = compare_after_win);

  [[nodiscard]] net::race_action next(base::steady_time now) override;
  void progressed(std::size_t lane, base::stage at, base::steady_time now) override;
  void ended(std::size_t lane, lane_report report, base::steady_time now) override;

  /// Reports in the order in which lanes ended.
  [[nodiscard]] const std::vector<lane_report>& reports() const noexcept { return reports_; }
  [[nodiscard]] std::optional<std::size_t> winner() const noexcept { return winner_; }
  /// The lane that runs on, or ran on, to be compared with the winner.
  [[nodiscard]] std::optional<std::size_t> companion() const noexcept { return companion_; }
  /// Nothing but the companion runs any more, and nothing else will.
  [[nodiscard]] bool decided() const noexcept;

private:
  enum class phase : std::uint8_t { waiting, running, done };
  struct lane_state {
    phase at = phase::waiting;
    base::steady_time started{}, moved{};    ///< moved: its latest progress
    base::stage reached = base::stage::none; ///< from connect on: SYN-ACK seen
    bool failed_hard = false, told_to_stop = false;
    bool brought = false; ///< an authentic list
  };

  [[nodiscard]] std::optional<std::size_t> candidate(int tier) const;
  [[nodiscard]] bool held_back(std::size_t lane) const;
  [[nodiscard]] bool room_in_group(std::size_t lane) const;
  [[nodiscard]] base::steady_time slot_free(base::steady_time now) const;
  [[nodiscard]] std::optional<int> next_tier() const;
  [[nodiscard]] base::steady_time next_tier_due() const;
  [[nodiscard]] std::chrono::nanoseconds jittered_delay();
  void start(std::size_t lane, base::steady_time now);
  [[nodiscard]] net::race_action after_win(base::steady_time now);
  [[nodiscard]] std::optional<std::size_t> choose_companion(base::steady_time now) const;
  [[nodiscard]] std::optional<std::size_t> best_running(base::steady_time now, bool standing_too) const;
  [[nodiscard]] std::optional<std::size_t> best_waiting() const;
  [[nodiscard]] bool other_kind(std::size_t lane) const;
  [[nodiscard]] bool kind_failed(std::size_t lane) const;
  [[nodiscard]] bool may_be_compared(std::size_t lane) const;

  line_up line_;
  std::vector<lane_state> lanes_;
  config::fallback_settings settings_;
  std::mt19937_64 random_;
  std::chrono::milliseconds compare_;
  std::vector<lane_report> reports_;
  std::optional<std::size_t> winner_, companion_;
  std::optional<base::steady_time> won_at_; ///< and the companion chosen
  bool replaced_ = false;                   ///< the companion, which failed
  std::optional<int> tier_;                 ///< the highest one open; nothing before the first call of next()
  base::steady_time tier_opened_{};
  base::steady_time due_{};            ///< the next start within the open tiers, when no lane fails
  std::size_t failures_to_answer_ = 0; ///< each lets one lane start at once; lapses when none can
};

} // namespace landfall::fallback
