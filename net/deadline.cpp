#include "net/deadline.hpp"

#include <fmt/format.h>

namespace landfall::net {

namespace detail {

base::steady_time deadline_after(std::chrono::steady_clock::duration limit) noexcept {
  const auto now = std::chrono::steady_clock::now();
  return limit > base::steady_time::max() - now ? base::steady_time::max() : now + limit;
}

base::failure timed_out_after(std::chrono::steady_clock::duration limit, base::stage at) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return base::fail(base::outcome::timed_out, fmt::format("not done within {} ms", ms), at);
}

} // namespace detail

awaitable<result<void>> sleep_for(std::chrono::steady_clock::duration how_long) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const bool cancelled = co_await was_cancelled();
  if (cancelled) co_return base::fail(base::outcome::cancelled);
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, detail::deadline_after(how_long));
  const auto [ec] = co_await timer.async_wait(as_result);
  if (ec) co_return base::fail(base::outcome::cancelled);
  co_return result<void>{};
}

} // namespace landfall::net
