#include "net/live.hpp"

namespace landfall::net {

awaitable<void> live(scope& children) {
  co_await asio::this_coro::throw_if_cancelled(false);
  bool cancelled = co_await was_cancelled();
  while (!cancelled) {
    co_await children.wait();
    cancelled = co_await was_cancelled();
  }
  children.cancel();
  co_await children.join();
}

} // namespace landfall::net
