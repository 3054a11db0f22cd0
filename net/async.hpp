// The one shape of asynchronous code: awaitable<result<T>> verb(args by value), a named coroutine, never throwing for
// what comes from outside, cancelled through Asio's per-operation cancellation, every child joined.
//
// Cancellation is a result here, never an exception: scope, with_deadline, race and relay switch the coroutine they run
// in to asio's throw_if_cancelled(false). What must be waited for while being cancelled (a clean-up that takes time)
// says so by asio::this_coro::reset_cancellation_state(asio::disable_cancellation()).
//
// Two traps of g++ 12. It destroys a capturing lambda built inside a co_await expression twice: named coroutines only.
// It lays out the frame of `while (...) { if (co_await f()) ... }` wrongly (illegal instruction when the coroutine
// starts): bind what was awaited to a name, `const bool yes = co_await f(); if (yes) ...`.
#pragma once

#include "base/result.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace landfall::net {

namespace asio = boost::asio;
using boost::system::error_code;
template <class T> using awaitable = asio::awaitable<T>;
using base::result;

/// auto [ec, n] = co_await socket.async_read_some(buffer, as_result);
inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

/// The class of a socket error: operation_aborted is cancelled, connection_refused is refused, connection_reset is
/// `on_reset` (end of file and broken pipe too), descriptor and memory shortage is local_error, no route is unreachable
/// (network down: offline), the kernel's own time-out is timed_out, everything else local_error.
[[nodiscard]] base::failure failure_of(const error_code& ec, base::stage at,
                                       base::outcome on_reset = base::outcome::reset_before_hello);

/// True when the coroutine that asks was cancelled: to be asked before an operation_aborted is read as anything else.
[[nodiscard]] awaitable<bool> was_cancelled();

} // namespace landfall::net
