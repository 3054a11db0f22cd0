// What the tests of bridges have behind them: an echo; and names that nobody looks up.
#pragma once

#include "http/resolver.hpp"
#include "net/async.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <array>

namespace landfall::fakes {

/// Sends back what comes, until one of the two directions ends.
template <class Stream> net::awaitable<void> echo_on(Stream& peer) {
  std::array<char, 4096> some{};
  for (;;) {
    const auto [ec, got] = co_await peer.async_read_some(net::asio::buffer(some), net::as_result);
    if (ec) break;
    const auto [wrote, sent] = co_await net::asio::async_write(peer, net::asio::buffer(some, got), net::as_result);
    if (wrote) break;
  }
}

/// For a resolver that is never to be asked.
inline http::resolver_options no_names() {
  http::resolver_options out;
  out.servers = {"127.0.0.1:9"};
  return out;
}

} // namespace landfall::fakes
