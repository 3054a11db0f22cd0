#include "net/notifier.hpp"

namespace landfall::net {

awaitable<result<void>> notifier::wait() {
  // Both notify() and a cancellation end the wait with operation_aborted: only the coroutine's own state tells them
  // apart.
  // (Bound to a name, since g++ 12 miscompiles a co_await in the condition of an if where the coroutine has no locals.)
  const bool before = co_await was_cancelled();
  if (before) co_return base::fail(base::outcome::cancelled);
  (void)co_await timer_.async_wait(as_result);
  const bool meanwhile = co_await was_cancelled();
  if (meanwhile) co_return base::fail(base::outcome::cancelled);
  co_return result<void>();
}

} // namespace landfall::net
