// Waiting for a change on one thread: waiters look at the state themselves after they wake, so a notification carries
// nothing and none is lost between a look and a wait that follow each other without a suspension.
#pragma once

#include "net/async.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace landfall::net {

class notifier {
public:
  explicit notifier(const asio::any_io_executor& executor) : timer_(executor, asio::steady_timer::time_point::max()) {}
  /// Wakes all who wait now.
  void notify() { timer_.cancel(); }
  /// Until the next notify(). Fails only with cancelled. Bound it with with_deadline.
  [[nodiscard]] awaitable<result<void>> wait();

private:
  asio::steady_timer timer_;
};

} // namespace landfall::net
