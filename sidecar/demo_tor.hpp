// A tor of the demo's private network: a child in the sandbox of every program that we start, which the kernel kills
// when we are killed.
#pragma once

#include "net/child_process.hpp"
#include "net/notifier.hpp"
#include "onion/control.hpp"
#include "sidecar/demo_torrc.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>

namespace landfall::sidecar {

class demo_tor {
public:
  /// Writes `torrc` into its folder, which is there, and starts it. Errors: local_error, cancelled.
  [[nodiscard]] static net::awaitable<net::result<std::unique_ptr<demo_tor>>>
  start(net::asio::any_io_executor executor, demo_tor_place place, std::string torrc);

  /// Reads what it says, until cancelled; at its end tor has ended.
  [[nodiscard]] net::awaitable<void> keep();
  /// A connection to its control port, once that is open. Ends also when tor has: local_error. Bound it with
  /// with_deadline.
  [[nodiscard]] net::awaitable<net::result<std::unique_ptr<onion::control>>> control();

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] const std::string& said() const noexcept { return said_; } ///< the end of it
  [[nodiscard]] const demo_tor_place& place() const noexcept { return place_; }

private:
  demo_tor(net::asio::any_io_executor executor, demo_tor_place place, std::unique_ptr<net::child_process> child)
      : place_(std::move(place)), child_(std::move(child)), executor_(executor), never_(executor) {}
  [[nodiscard]] net::awaitable<void> listen(net::asio::posix::stream_descriptor& from);
  demo_tor_place place_;
  std::unique_ptr<net::child_process> child_;
  net::asio::any_io_executor executor_;
  net::notifier never_;
  std::string said_;
  bool ended_ = false; ///< by itself
};

} // namespace landfall::sidecar
