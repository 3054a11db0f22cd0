// race_routes: schedule + lanes + penalties, one race from start to end.
#pragma once

#include "fallback/penalties.hpp"
#include "fallback/schedule.hpp"

namespace landfall::fallback {

struct race_result {
  std::uint64_t number = 0;
  std::optional<std::string> won; ///< the route whose tier A list ended it
  /// In the order in which they ended; after them the penalised routes, as cancelled with "penalised until ...". Routes
  /// whose turn had not come when the race ended are not listed.
  std::vector<lane_report> lanes;
  std::chrono::milliseconds elapsed{0};
};

/// Its references outlive the race.
struct race_context {
  trust::state& state;
  penalties& memory;
  const base::clock& clock;
  observer& watch;
  config::fallback_settings settings;
  config::lane_deadlines deadlines;
  std::uint64_t seed = 0; ///< of every jitter in it: from the machine's random source, or printed by a test
};

/// Runs one race over `routes` (any order) until a list of tier A, or until all ended. Lower tiers are adopted on the
/// way and told through `list_adopted(true)`. Penalised routes are not touched. Losers are cancelled and joined;
/// outcomes are recorded once, at the end. Whether a race is needed at all is the caller's to ask (design §1). Fails
/// only with cancelled: lanes are joined, and what had ended by itself is recorded.
[[nodiscard]] awaitable<result<race_result>> race_routes(std::uint64_t number, std::vector<route> routes,
                                                         race_context context);

/// One conditional request on one route: the background poll. `roots_first`, once a day: the root chain is followed
/// before. Records its outcome like a lane; told to the observer as race 0. A penalised route is not touched.
[[nodiscard]] awaitable<lane_report> poll_route(route what, race_context context, bool roots_first);

} // namespace landfall::fallback
