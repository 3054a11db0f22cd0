// lane: one attempt on one route: fetch ▸ verify, with the root chain followed where the list needs it.
#pragma once

#include "base/clock.hpp"
#include "config/settings.hpp"
#include "fallback/route.hpp"
#include "trust/state.hpp"

#include <chrono>
#include <memory>
#include <vector>

namespace landfall::fallback {

/// How a lane ended. For JSON, events and the network memory.
struct lane_report {
  std::string route, kind, group;
  base::outcome outcome = base::outcome::cancelled;
  base::stage stage = base::stage::none; ///< where it ended
  int code = 0;
  std::string error;                   ///< for people; empty for won
  std::optional<base::place> where;    ///< of a failure: what a penalty is put on
  std::vector<base::failure> given_up; ///< places of this route that failed before another was tried; they wait too
  std::chrono::milliseconds elapsed{0};
  std::optional<trust::tier> tier; ///< of the authentic list that it brought
  bool adopted = false;
  bool dates_ignored = false; ///< the certificate was right but for its dates, and the lane went on without them
  std::optional<base::unix_time> penalised_until; ///< it did not run: under a penalty until then
};

struct race_result;

/// What happens while lanes run; given to the API's event stream, the live table, the log. Called on the loop's thread,
/// and must not throw. Race 0 is a poll.
struct observer {
  virtual ~observer() = default;
  virtual void race_started(std::uint64_t /*race*/, std::size_t /*routes*/) {}
  virtual void lane_started(std::uint64_t /*race*/, const route&) {}
  virtual void lane_progress(std::uint64_t /*race*/, const route&, base::stage) {}
  virtual void lane_ended(std::uint64_t /*race*/, const lane_report&) {}
  /// At the moment when it is decided; one lane may run on to be compared, and its end is told after this.
  virtual void race_ended(const race_result&) {}
  virtual void trust_event(const trust::event&, const std::string& /*route*/) {}
  virtual void list_adopted(bool /*provisional*/) {}
};

/// At most one lane at a time goes on without the dates of a certificate (design §5, clock): shared by a race's lanes,
/// free again when that lane failed. The others end with clock_suspect.
struct date_waiver {
  bool taken = false;
};

/// What a lane needs besides its route. `state`, `clock` and `watch` outlive it.
struct lane_context {
  trust::state& state;
  const base::clock& clock;
  observer& watch;
  std::shared_ptr<date_waiver> dates = std::make_shared<date_waiver>();
  avoid_fn avoid = nullptr; ///< passed on with every request
};

/// What to ask of the route.
struct lane_task {
  bool roots_first = false;             ///< once a day: follow the root chain, then fetch the list
  std::optional<crypto::digest> unless; ///< polls only: the list in hand
};

/// Fetches the list, offers it to `state`; after below_threshold or root_needed fetches root N+1, N+2 ... from the same
/// route (404, 403, 410: no such root here; at most max_root_steps) and offers the list again. The list is blamed only
/// when the chain was followed to its end: when a root could not be fetched, that failure is the outcome. `whole`
/// covers all of it. Never fails: how it ended is the report. Cancelled from outside: `cancelled`, however far it was.
[[nodiscard]] awaitable<lane_report> run_lane(route what, lane_context context, lane_task task,
                                              std::chrono::milliseconds whole, net::progress_fn progress);

/// The whole deadline of a lane of this kind: starting tor takes longer than anything else.
[[nodiscard]] std::chrono::milliseconds whole_deadline(std::string_view kind,
                                                       const config::lane_deadlines& deadlines) noexcept;

} // namespace landfall::fallback
