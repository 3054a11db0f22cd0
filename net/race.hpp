// race: runs children as a plan says, and joins every one of them before it returns.
//
// The plan decides and is pure (fallback/schedule.hpp); the race acts: it starts lanes, waits, tells the plan what
// happened, and at the end, or when cancelled, cancels all lanes still running and waits for each. Children share one
// executor and one thread, so the plan needs no lock.
#pragma once

#include "base/clock.hpp"
#include "net/async.hpp"

#include <cstddef>
#include <functional>
#include <variant>

namespace landfall::net {

struct start_lane { std::size_t lane; };
/// Until then, or until a lane ends or makes progress. steady_time::max(): only that.
struct wait_until { base::steady_time when; };
struct cancel_lane { std::size_t lane; }; ///< its end is reported as every other
struct finish {};                         ///< cancel what still runs, join it (each end is reported), return
using race_action = std::variant<start_lane, wait_until, cancel_lane, finish>;

/// T is what a lane ends with. `next` is called again after every action but wait_until and finish.
template <class T> struct race_plan {
    virtual ~race_plan() = default;
    [[nodiscard]] virtual race_action next(base::steady_time now) = 0;
    virtual void progressed(std::size_t lane, base::stage at, base::steady_time now) = 0;
    virtual void ended(std::size_t lane, T outcome, base::steady_time now) = 0;
};

/// Told by a lane when it reaches a stage (SYN-ACK, ServerHello ...). Must not be called after the lane's end.
using progress_fn = std::function<void(base::stage)>;

/// `run_lane(lane, progress)` is a named coroutine that ends by itself when cancelled. Fails only with `cancelled`, after the
/// last child has ended.
template <class T>
awaitable<result<void>> race(race_plan<T>& plan, std::function<awaitable<T>(std::size_t, progress_fn)> run_lane, const base::clock& clock);

} // namespace landfall::net
