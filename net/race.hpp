// race: runs children as a plan says, and joins every one of them before it returns.
//
// The plan decides and is pure (fallback/schedule.hpp); the race acts: it starts lanes, waits, tells the plan what
// happened, and at the end, or when cancelled, cancels all lanes still running and waits for each. Children share one
// executor and one thread, so the plan needs no lock.
#pragma once

#include "base/clock.hpp"
#include "net/scope.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <stdexcept>
#include <utility>
#include <variant>

namespace landfall::net {

struct start_lane {
  std::size_t lane;
};
/// Until then, or until a lane ends or makes progress. steady_time::max(): only that.
struct wait_until {
  base::steady_time when;
};
struct cancel_lane {
  std::size_t lane;
}; ///< its end is reported as every other
struct finish {}; ///< cancel what still runs, join it (each end is reported), return
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

/// `run_lane(lane, progress)` is a named coroutine that ends by itself when cancelled. Fails only with `cancelled`,
/// after the last child has ended. What a lane throws is a bug: the others are cancelled and joined, then it is thrown
/// again.
template <class T>
awaitable<result<void>> race(race_plan<T>& plan, std::function<awaitable<T>(std::size_t, progress_fn)> run_lane,
                             const base::clock& clock);

namespace detail {

template <class T> using lane_fn = std::function<awaitable<T>(std::size_t, progress_fn)>;

/// One lane: what it does is told to the plan, and the race is woken to ask the plan again.
template <class T>
awaitable<void> run_one(race_plan<T>& plan, const lane_fn<T>& run_lane, std::size_t lane, scope& lanes,
                        const base::clock& clock) {
  progress_fn progress = [&plan, &lanes, &clock, lane](base::stage at) {
    plan.progressed(lane, at, clock.steady());
    lanes.poke();
  };
  auto outcome = co_await run_lane(lane, std::move(progress));
  plan.ended(lane, std::move(outcome), clock.steady());
}

/// The plan's time on the clock that timers run on; they differ where a test injects a clock.
[[nodiscard]] inline base::steady_time real_time(base::steady_time when, base::steady_time now) noexcept {
  return when == base::steady_time::max() ? when : std::chrono::steady_clock::now() + (when - now);
}

} // namespace detail

template <class T>
awaitable<result<void>> race(race_plan<T>& plan, std::function<awaitable<T>(std::size_t, progress_fn)> run_lane,
                             const base::clock& clock) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await asio::this_coro::executor;
  scope lanes(executor);
  std::map<std::size_t, std::size_t> ids; // of lanes, in `lanes`
  bool cancelled = co_await was_cancelled();
  while (!cancelled && !lanes.failed()) {
    const auto now = clock.steady();
    const auto action = plan.next(now);
    if (const auto* start = std::get_if<start_lane>(&action)) {
      ids[start->lane] = lanes.spawn(detail::run_one(plan, run_lane, start->lane, lanes, clock));
    } else if (const auto* stop = std::get_if<cancel_lane>(&action)) {
      if (const auto id = ids.find(stop->lane); id != ids.end()) lanes.cancel(id->second);
    } else if (const auto* until = std::get_if<wait_until>(&action)) {
      if (until->when == base::steady_time::max() && lanes.running() == 0) {
        throw std::logic_error("the plan of a race waits for nothing");
      }
      co_await lanes.wait(detail::real_time(until->when, now));
      cancelled = co_await was_cancelled();
    } else {
      break;
    }
  }
  lanes.cancel();
  co_await lanes.join();
  const bool late = co_await was_cancelled();
  cancelled = cancelled || late;
  if (cancelled) co_return base::fail(base::outcome::cancelled);
  co_return result<void>{};
}

} // namespace landfall::net
