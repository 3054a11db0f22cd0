// What ends a sidecar: SIGTERM, SIGINT, and - when asked - the end of stdin.
#pragma once

#include "net/async.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>

#include <optional>
#include <string>

namespace landfall::sidecar {

class stop_watch {
public:
  /// Catches the signals from now on. With `on_stdin_close` a stdin at its end (/dev/null) ends us at once. Errors:
  /// local_error when it is not open at all.
  [[nodiscard]] static base::result<std::unique_ptr<stop_watch>> make(net::asio::any_io_executor executor,
                                                                      bool on_stdin_close);
  /// Until one of them happens, and which ("SIGTERM", "end of stdin"). Cancelled: empty.
  [[nodiscard]] net::awaitable<std::string> wait();

private:
  explicit stop_watch(net::asio::any_io_executor executor);
  [[nodiscard]] net::awaitable<void> wait_for_signal(std::string& what);
  [[nodiscard]] net::awaitable<void> wait_for_stdin(std::string& what);
  net::asio::signal_set signals_;
  std::optional<net::asio::posix::stream_descriptor> stdin_;
};

/// Runs `what` on `io` until everything has ended; from then on no signal ends us in the middle of it. What it throws
/// is a bug, and thrown again.
void run_to_end(net::asio::io_context& io, net::awaitable<void> what);

} // namespace landfall::sidecar
