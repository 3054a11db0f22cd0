// lane: one attempt on one route: fetch ▸ verify, with the root chain followed where the list needs it.
#pragma once

#include "base/clock.hpp"
#include "fallback/route.hpp"
#include "trust/state.hpp"

#include <chrono>

namespace landfall::fallback {

/// How a lane ended. For JSON, events and the network memory.
struct lane_report {
    std::string route, kind;
    base::outcome outcome = base::outcome::cancelled;
    base::stage stage = base::stage::none;
    int code = 0;
    std::string error; ///< for people; empty for won
    std::chrono::milliseconds elapsed{0};
    std::optional<trust::tier> tier; ///< of the authentic list that it brought
    bool adopted = false;
};

/// What happens while lanes run; given to the API's event stream, the live table, the log. Called on the loop's thread.
struct observer {
    virtual ~observer() = default;
    virtual void race_started(std::uint64_t /*race*/, std::size_t /*routes*/) {}
    virtual void lane_started(std::uint64_t /*race*/, const route&) {}
    virtual void lane_progress(std::uint64_t /*race*/, const route&, base::stage) {}
    virtual void lane_ended(std::uint64_t /*race*/, const lane_report&) {}
    virtual void race_ended(std::uint64_t /*race*/, const std::optional<std::string>& /*won*/) {}
    virtual void trust_event(const trust::event&, const std::string& /*route*/) {}
    virtual void list_adopted(bool /*provisional*/) {}
};

/// Fetches the list, offers it to `state`; after below_threshold or root_needed fetches root N+1, N+2 ... from the same
/// route (404, 403, 410: no such root here; at most max_root_steps) and offers the list again. `whole` covers all of it.
/// Never fails: how it ended is the report.
[[nodiscard]] awaitable<lane_report> run_lane(route what, trust::state& state, const base::clock& clock,
                                              std::chrono::milliseconds whole, std::optional<crypto::digest> unless,
                                              net::progress_fn progress, observer& watch);

} // namespace landfall::fallback
