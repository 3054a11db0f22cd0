// relay: bytes between two streams, both ways, half-close kept, until both directions ended or one failed.
#pragma once

#include "net/scope.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace landfall::net {

struct relayed {
  std::uint64_t sent = 0, received = 0; ///< a to b, b to a
};

struct relay_limits {
  std::chrono::steady_clock::duration idle = std::chrono::minutes(10); ///< both directions silent: timed_out at body
};

/// Streams are Asio sockets (tcp or local); both are closed when it returns. Cancelled: cancelled, both directions
/// joined.
template <class A, class B> awaitable<result<relayed>> relay(A& a, B& b, relay_limits limits = {});

namespace detail {

struct relay_state {
  relayed bytes;
  base::steady_time last = std::chrono::steady_clock::now(); ///< when the last byte moved
  std::optional<base::failure> failed;
};

/// One buffer's worth, from `from` to `to`. True when `from` has ended.
template <class From, class To>
awaitable<result<bool>> pump_once(From& from, To& to, relay_state& state, std::uint64_t& count) {
  constexpr std::size_t buffer_size = 32 * 1024;
  const auto [waited] = co_await from.async_wait(asio::socket_base::wait_read, as_result);
  if (waited) co_return failure_of(waited, base::stage::body);
  // Allocated once there is something to read, so that a thousand idle relays hold no buffer.
  const auto buffer = std::make_unique<std::array<char, buffer_size>>();
  error_code ec;
  const auto size = from.read_some(asio::buffer(*buffer), ec);
  if (ec == asio::error::would_block) co_return false;
  if (ec == asio::error::eof) co_return true;
  if (ec) co_return failure_of(ec, base::stage::body);
  state.last = std::chrono::steady_clock::now();
  const auto [written, sent] = co_await asio::async_write(to, asio::buffer(*buffer, size), as_result);
  count += sent;
  state.last = std::chrono::steady_clock::now();
  if (written) co_return failure_of(written, base::stage::body);
  co_return false;
}

template <class From, class To> awaitable<void> pump(From& from, To& to, relay_state& state, std::uint64_t& count) {
  for (;;) {
    auto ended = co_await pump_once(from, to, state, count);
    if (ended && !*ended) continue;
    if (!ended && !state.failed) state.failed = ended.error();
    error_code ignored; // the other end may be gone already
    to.shutdown(asio::socket_base::shutdown_send, ignored);
    co_return;
  }
}

} // namespace detail

template <class A, class B> awaitable<result<relayed>> relay(A& a, B& b, relay_limits limits) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await asio::this_coro::executor;
  error_code ec;
  a.non_blocking(true, ec);
  if (!ec) b.non_blocking(true, ec);
  if (ec) co_return failure_of(ec, base::stage::body);

  detail::relay_state state;
  scope directions(executor);
  directions.spawn(detail::pump(a, b, state, state.bytes.sent));
  directions.spawn(detail::pump(b, a, state, state.bytes.received));
  bool cancelled = co_await was_cancelled(), idle = false;
  while (directions.running() > 0 && !state.failed && !cancelled && !idle) {
    co_await directions.wait(state.last + limits.idle);
    cancelled = co_await was_cancelled();
    idle = std::chrono::steady_clock::now() - state.last >= limits.idle;
  }
  const bool over = directions.running() == 0; // both ended just as the time ran out: not idle
  const auto failed = state.failed;            // before the cancellation of the other direction looks like one
  directions.cancel();
  co_await directions.join();
  a.close(ec);
  b.close(ec);
  const bool late = co_await was_cancelled();
  if (cancelled || late) co_return base::fail(base::outcome::cancelled, {}, base::stage::body);
  if (failed) co_return *failed;
  if (idle && !over) co_return base::fail(base::outcome::timed_out, "both directions were silent", base::stage::body);
  co_return state.bytes;
}

} // namespace landfall::net
