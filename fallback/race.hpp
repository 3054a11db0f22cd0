// race_routes: rank + schedule + lanes + memory, one race from start to end.
#pragma once

#include "fallback/evidence.hpp"
#include "fallback/memory.hpp"
#include "fallback/rank.hpp"
#include "fallback/schedule.hpp"

#include <functional>

namespace landfall::fallback {

struct race_result {
  std::uint64_t number = 0;
  std::optional<std::string> won; ///< the route whose tier A list ended it
  /// In the order in which they ended; after them the penalised routes, as cancelled with "penalised until ...". Routes
  /// whose turn had not come when the race ended are not listed.
  std::vector<lane_report> lanes;
  std::chrono::milliseconds elapsed{0}; ///< until it was decided
  fallback::verdict verdict = fallback::verdict::open;
  /// The network changed, or the machine slept: lanes that ran then are cancelled, and nothing was decided. To be raced
  /// anew.
  bool interrupted = false;
};

/// A number that grows when the network changed or the machine slept: a race lives within one. Cheap; asked at every
/// turn of a race, and once a second at least.
using epoch_fn = std::function<std::uint64_t()>;

/// Its references outlive the race.
struct race_context {
  trust::state& state;
  network_memory& memory;
  const base::clock& clock;
  observer& watch;
  config::fallback_settings settings;
  config::lane_deadlines deadlines;
  std::uint64_t seed = 0; ///< of every jitter in it: from the machine's random source, or printed by a test
  network_id here{};      ///< of `memory`
  std::string gateway{};  ///< for the evidence; empty: not known
  epoch_fn epoch{};       ///< empty: nothing ever happens
  std::chrono::milliseconds compare = compare_after_win;
};

/// Runs one race over `routes` (any order) until a list of tier A, or until all ended. Lower tiers are adopted on the
/// way and told through `list_adopted(true)`. Penalised routes are not touched, and no lane contacts a penalised place:
/// the penalties that this race earns included. Losers are cancelled and joined; `race_ended` is told then, and one
/// lane may go on to be compared (schedule.hpp): a list of the same version with other bytes is told as equivocation,
/// and a route whose list is older than another's although there was time as `frozen`. Outcomes are recorded once, at
/// the end, and only where the evidence is against the routes: not offline, not behind a portal. Whether a race is
/// needed at all is the caller's to ask (design §1). Fails only with cancelled: lanes are joined, and what had ended by
/// itself is recorded.
[[nodiscard]] awaitable<result<race_result>> race_routes(std::uint64_t number, std::vector<route> routes,
                                                         race_context context);

/// One conditional request on one route: the background poll. `roots_first`, once a day: the root chain is followed
/// before. Records its outcome like a lane; told to the observer as race 0. A penalised route is not touched.
[[nodiscard]] awaitable<lane_report> poll_route(route what, race_context context, bool roots_first);

} // namespace landfall::fallback
