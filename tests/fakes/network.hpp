// A network that tests move: what the kernel would tell, told by hand.
#pragma once

#include "net/network.hpp"

#include <boost/asio/steady_timer.hpp>

#include <string>
#include <utility>

namespace landfall::fakes {

inline net::network_state network_with(std::string gateway) {
  net::network_state out;
  out.known = true;
  out.interface = "wlan0";
  out.gateway = std::move(gateway);
  out.hardware_address = "hardware of " + out.gateway;
  return out;
}

inline net::network_state no_network() {
  net::network_state out;
  out.known = true;
  out.online = false;
  return out;
}

struct moved_network final : net::network_source {
  explicit moved_network(net::asio::any_io_executor executor, net::network_state at)
      : now(std::move(at)), timer_(executor, net::asio::steady_timer::time_point::max()) {}

  net::network_state look() override { return now; }
  net::awaitable<net::result<void>> changed() override {
    co_await net::asio::this_coro::throw_if_cancelled(false);
    (void)co_await timer_.async_wait(net::as_result);
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) co_return base::fail(base::outcome::cancelled);
    co_return net::result<void>{};
  }
  std::chrono::nanoseconds slept() const override { return asleep; }

  void move_to(net::network_state where) {
    now = std::move(where);
    timer_.cancel();
  }

  net::network_state now;
  std::chrono::nanoseconds asleep{0};

private:
  net::asio::steady_timer timer_;
};

} // namespace landfall::fakes
