// while_there: an operation on behalf of a client that may leave meanwhile; then the operation is cancelled at once, or
// after its first moments, instead of going on for nobody until its deadline.
//
//   op ends first            its result
//   the client has left      op is cancelled and joined, then cancelled
//   we are cancelled         the same
//
// Who resets its connection has left, and so has who ends its direction having sent nothing. Who sends first and then
// ends its direction may still read the answer (a half-closed connection): op goes on.
#pragma once

#include "net/scope.hpp"
#include "net/stream.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace landfall::net {

/// Most is done by then, and need not be watched: a connection on this machine costs an eighth more otherwise.
inline constexpr std::chrono::milliseconds first_look{20};
/// Of what a client sends before it is answered; the rest waits in the kernel, and with it the news of its end.
inline constexpr std::size_t max_early = std::size_t{16} * 1024;

namespace detail {

/// Ends when the client has ended, in `gone`, or when nothing more is to be learnt of it.
awaitable<void> watch(stream& client, std::string& early, bool& gone);

template <class T> awaitable<void> keep_ended(awaitable<result<T>> op, std::optional<result<T>>& ended) {
  auto value = co_await std::move(op);
  ended.emplace(std::move(value));
}

} // namespace detail

/// Nobody else reads from `client` meanwhile; what it sends is appended to `early`.
template <class T> awaitable<result<T>> while_there(stream& client, std::string& early, awaitable<result<T>> op) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await asio::this_coro::executor;
  scope both(executor);
  std::optional<result<T>> ended;
  bool gone = false;
  both.spawn(detail::keep_ended(std::move(op), ended));
  bool cancelled = co_await was_cancelled();
  if (!ended && !cancelled) {
    co_await both.wait(std::chrono::steady_clock::now() + first_look);
    cancelled = co_await was_cancelled();
  }
  if (!ended && !cancelled) both.spawn(detail::watch(client, early, gone));
  while (!ended && !gone && !cancelled) {
    co_await both.wait();
    cancelled = co_await was_cancelled();
  }
  both.cancel();
  co_await both.join();
  const bool late = co_await was_cancelled();
  if (gone || cancelled || late) co_return base::fail(base::outcome::cancelled);
  co_return std::move(*ended);
}

} // namespace landfall::net
