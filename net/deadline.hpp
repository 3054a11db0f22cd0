// with_deadline: the only place where an operation meets a timer.
//
//   op ends first          its result
//   the timer fires first  op is cancelled and joined, then timed_out at `at`
//   we are cancelled       op is cancelled and joined, then cancelled, however slowly it cleans up
#pragma once

#include "net/async.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>

namespace landfall::net {

template <class T>
awaitable<result<T>> with_deadline(awaitable<result<T>> op, std::chrono::steady_clock::duration limit, base::stage at);

/// Waits; cancelled is the only failure.
awaitable<result<void>> sleep_for(std::chrono::steady_clock::duration how_long);

} // namespace landfall::net
