#include "sidecar/stop.hpp"

#include "base/signals.hpp"
#include "net/scope.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>

#include <unistd.h>

#include <array>
#include <csignal>

namespace landfall::sidecar {

using base::result;
using net::as_result;
using net::awaitable;

stop_watch::stop_watch(net::asio::any_io_executor executor) : signals_(executor, SIGTERM, SIGINT) {}

result<std::unique_ptr<stop_watch>> stop_watch::make(net::asio::any_io_executor executor, bool on_stdin_close) {
  std::unique_ptr<stop_watch> made(new stop_watch(executor));
  if (!on_stdin_close) return made;
  const int copy = ::dup(STDIN_FILENO); // closed by us, without taking fd 0 away
  net::error_code ec;
  made->stdin_.emplace(executor);
  if (copy >= 0) made->stdin_->assign(copy, ec);
  if (copy < 0 || ec) {
    if (copy >= 0) ::close(copy);
    return base::fail(base::outcome::local_error, "--exit-on-stdin-close: stdin is not open");
  }
  return made;
}

awaitable<std::string> stop_watch::wait() {
  net::scope waits(co_await net::asio::this_coro::executor);
  std::string what;
  waits.spawn(wait_for_signal(what));
  if (stdin_) waits.spawn(wait_for_stdin(what));
  for (bool cancelled = false; what.empty() && !cancelled;) {
    co_await waits.wait();
    cancelled = co_await net::was_cancelled();
  }
  waits.cancel();
  co_await waits.join();
  co_return what;
}

awaitable<void> stop_watch::wait_for_signal(std::string& what) {
  const auto [ec, number] = co_await signals_.async_wait(as_result);
  if (!ec) what = number == SIGINT ? "SIGINT" : "SIGTERM";
}

awaitable<void> stop_watch::wait_for_stdin(std::string& what) {
  std::array<char, 512> ignored{};
  for (;;) {
    const auto [ec, size] = co_await stdin_->async_read_some(net::asio::buffer(ignored), as_result);
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) break;
    if (ec || size == 0) {
      what = "end of stdin";
      break;
    }
  }
}

void run_to_end(net::asio::io_context& io, awaitable<void> what) {
  const auto on_end = [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  };
  net::asio::co_spawn(io, std::move(what), on_end);
  io.run();
  base::hold_ending_signals();
}

} // namespace landfall::sidecar
