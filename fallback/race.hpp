// race_routes: schedule + lanes + penalties, one race from start to end.
#pragma once

#include "fallback/penalties.hpp"
#include "fallback/schedule.hpp"

namespace landfall::fallback {

struct race_result {
    std::uint64_t number = 0;
    std::optional<std::string> won; ///< the route whose tier A list ended it
    std::vector<lane_report> lanes; ///< penalised routes are listed too, as cancelled with "penalised until ..."
    std::chrono::milliseconds elapsed{0};
};

struct race_context {
    trust::state& state;
    penalties& memory;
    const base::clock& clock;
    observer& watch;
    config::fallback_settings settings;
    config::lane_deadlines deadlines;
    std::uint64_t seed = 0;
};

/// Runs one race over `routes` (any order). Losers are cancelled and joined; outcomes are recorded once, at the end.
/// Fails only with cancelled.
[[nodiscard]] awaitable<result<race_result>> race_routes(std::uint64_t number, std::vector<route> routes, race_context context);

/// One conditional request on one route: the background poll. Records its outcome like a lane.
[[nodiscard]] awaitable<lane_report> poll_route(route what, race_context context);

} // namespace landfall::fallback
