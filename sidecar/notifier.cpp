#include "sidecar/notifier.hpp"

namespace landfall::sidecar {

net::awaitable<net::result<void>> notifier::wait() {
  // Both notify() and a cancellation end the wait with operation_aborted: only the coroutine's own state tells them
  // apart.
  if (co_await net::was_cancelled()) co_return base::fail(base::outcome::cancelled);
  (void)co_await timer_.async_wait(net::as_result);
  if (co_await net::was_cancelled()) co_return base::fail(base::outcome::cancelled);
  co_return net::result<void>();
}

} // namespace landfall::sidecar
