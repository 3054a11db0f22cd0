// schedule: which lane starts when. Pure: routes, settings and what happened in; actions out (net::race_plan).
//
// Lanes start in order of tier, then of the file. The next one starts `attempt_delay` after the last start (± 20 % from
// the given random source), restarted on progress of the newest lane, 1.5 s in all; at once when a lane failed; a higher
// tier only `tier_gap` after the start of the last lane of the tier before, or 1 s when that whole tier failed hard. At
// most `max_lanes` at a time (a lane without SYN-ACK for 1.5 s no longer counts; 8 at most), `max_lanes_per_group` of one
// group. Penalised routes are passed over. Ends at the first lane whose list is tier A and adopted, or not below what we
// hold, or when all ended.
#pragma once

#include "config/settings.hpp"
#include "fallback/lane.hpp"

#include <cstdint>
#include <random>
#include <vector>

namespace landfall::fallback {

/// One route as the schedule sees it.
struct entrant {
    std::string group;
    int tier = 1;
};

class schedule final : public net::race_plan<lane_report> {
  public:
    /// `entrants` in ranked order; `seed` for the jitter, printed by tests.
    schedule(std::vector<entrant> entrants, config::fallback_settings settings, std::uint64_t seed);

    [[nodiscard]] net::race_action next(base::steady_time now) override;
    void progressed(std::size_t lane, base::stage at, base::steady_time now) override;
    void ended(std::size_t lane, lane_report report, base::steady_time now) override;

    /// Reports in the order in which lanes ended.
    [[nodiscard]] const std::vector<lane_report>& reports() const noexcept { return reports_; }
    [[nodiscard]] std::optional<std::size_t> winner() const noexcept { return winner_; }

  private:
    enum class phase : std::uint8_t { waiting, running, done };
    struct lane_state {
        phase at = phase::waiting;
        base::steady_time started{};
        bool answered = false; ///< SYN-ACK seen
        bool failed_hard = false;
    };
    std::vector<entrant> entrants_;
    std::vector<lane_state> lanes_;
    config::fallback_settings settings_;
    std::mt19937_64 random_;
    std::vector<lane_report> reports_;
    std::optional<std::size_t> winner_;
};

} // namespace landfall::fallback
