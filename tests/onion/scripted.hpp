// A control port that answers by a script, for what a real tor never says.
#pragma once

#include "net/scope.hpp"
#include "onion/control.hpp"

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <functional>
#include <string>
#include <vector>

namespace landfall::fakes {

using local_socket = net::asio::local::stream_protocol::socket;

/// Answers commands, one line each, as the script says: the reply to the n-th command, whatever it is.
struct scripted_tor {
  std::vector<std::string> replies;
  std::vector<std::string> heard;

  net::asio::awaitable<void> serve(local_socket peer) {
    std::string buffer;
    for (const auto& reply : replies) {
      while (buffer.find("\r\n") == buffer.npos) {
        std::array<char, 512> piece;
        const auto [ec, size] = co_await peer.async_read_some(net::asio::buffer(piece), net::as_result);
        if (ec) co_return;
        buffer.append(piece.data(), size);
      }
      heard.push_back(buffer.substr(0, buffer.find("\r\n")));
      buffer.erase(0, buffer.find("\r\n") + 2);
      const auto [ec, size] = co_await net::asio::async_write(peer, net::asio::buffer(reply), net::as_result);
      if (ec) co_return;
    }
  }
};

constexpr auto no_proof = "250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250-VERSION Tor=\"0.4.9.11\"\r\n250 OK\r\n";

using verb = std::function<net::asio::awaitable<net::result<void>>(onion::control&)>;

/// Opens over a scripted tor, then does `then`; what ended it.
inline net::asio::awaitable<net::result<void>> with_script(scripted_tor& tor, onion::control_options options,
                                                           verb then) {
  const auto executor = co_await net::asio::this_coro::executor;
  local_socket ours(executor), theirs(executor);
  net::asio::local::connect_pair(ours, theirs);
  net::scope children(executor);
  children.spawn(tor.serve(std::move(theirs)));
  auto opening = onion::control::over(net::as_stream(std::move(ours)), std::move(options));
  auto control = co_await std::move(opening);
  net::result<void> out{};
  if (!control) {
    out = control.error();
  } else if (then) {
    auto doing = then(**control);
    out = co_await std::move(doing);
  }
  children.cancel();
  co_await children.join();
  co_return out;
}

inline std::string said(const net::result<void>& ended) {
  return ended ? "good" : std::string(base::name(ended.error().what));
}

inline onion::control_options nobody() { return {net::asio::ip::tcp::endpoint(), {}, {}}; }

} // namespace landfall::fakes
