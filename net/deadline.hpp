// with_deadline: the only place where an operation meets a timer.
//
//   op ends first          its result
//   the timer fires first  op is cancelled and joined, then timed_out at `at`
//   we are cancelled       op is cancelled and joined, then cancelled, however slowly it cleans up
#pragma once

#include "net/scope.hpp"

#include <chrono>
#include <optional>
#include <utility>

namespace landfall::net {

namespace detail {

template <class T> awaitable<void> keep(awaitable<result<T>> op, std::optional<result<T>>& ended) {
  auto value = co_await std::move(op);
  ended.emplace(std::move(value));
}

/// now + `limit`, without overflow for a limit of "never".
[[nodiscard]] base::steady_time deadline_after(std::chrono::steady_clock::duration limit) noexcept;
[[nodiscard]] base::failure timed_out_after(std::chrono::steady_clock::duration limit, base::stage at);

} // namespace detail

template <class T>
awaitable<result<T>> with_deadline(awaitable<result<T>> op, std::chrono::steady_clock::duration limit, base::stage at) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await asio::this_coro::executor;
  scope child(executor);
  std::optional<result<T>> ended;
  child.spawn(detail::keep(std::move(op), ended));
  const bool early = co_await was_cancelled();
  co_await child.wait(early ? base::steady_time::min() : detail::deadline_after(limit));
  const bool cancelled = co_await was_cancelled();
  const bool in_time = child.running() == 0;
  child.cancel();
  co_await child.join();
  // Asked first: a slow clean-up can outlast the timer, and a cancellation can come during it.
  const bool late = co_await was_cancelled();
  if (cancelled || late) co_return base::fail(base::outcome::cancelled, {}, at);
  if (!in_time) co_return detail::timed_out_after(limit, at);
  co_return std::move(*ended);
}

/// Waits; cancelled is the only failure.
awaitable<result<void>> sleep_for(std::chrono::steady_clock::duration how_long);

} // namespace landfall::net
