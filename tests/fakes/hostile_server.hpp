// Servers that do it wrong: what each does with a connection is a named coroutine.
#pragma once

#include "net/deadline.hpp"
#include "net/scope.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <utility>

namespace landfall::fakes {

using tcp = boost::asio::ip::tcp;
using behaviour = std::function<boost::asio::awaitable<void>(tcp::socket)>;

/// Listens on a free port of 127.0.0.1; every connection gets its own `behave`. Run it as a child of a scope and cancel
/// it.
class hostile_server {
public:
  hostile_server(const boost::asio::any_io_executor& executor, behaviour behave)
      : acceptor_(executor, {boost::asio::ip::address_v4::loopback(), 0}), behave_(std::move(behave)) {}

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] int accepted() const noexcept { return accepted_; }

  boost::asio::awaitable<void> serve() {
    const auto executor = co_await boost::asio::this_coro::executor;
    net::scope connections(executor);
    bool cancelled = false;
    while (!cancelled) {
      tcp::socket peer(executor);
      const auto [ec] = co_await acceptor_.async_accept(peer, net::as_result);
      cancelled = co_await net::was_cancelled();
      if (ec) break;
      ++accepted_;
      connections.spawn(behave_(std::move(peer)));
    }
    connections.cancel();
    co_await connections.join();
  }

private:
  tcp::acceptor acceptor_;
  behaviour behave_;
  int accepted_ = 0;
};

/// A port of 127.0.0.1 that no longer answers a SYN: its queue of connections is full and nobody accepts them.
class deaf_port {
public:
  explicit deaf_port(const boost::asio::any_io_executor& executor) : acceptor_(executor) {
    acceptor_.open(tcp::v4());
    acceptor_.bind({boost::asio::ip::address_v4::loopback(), 0});
    acceptor_.listen(0);
    const auto to = acceptor_.local_endpoint();
    const auto connect_one = [this, &executor, &to] { // completes, or never does; Asio's own would wait for it
      auto& one = fillers_.emplace_back(executor, tcp::v4());
      one.native_non_blocking(true);
      (void)::connect(one.native_handle(), to.data(), static_cast<socklen_t>(to.size()));
    };
    for (int i = 0; i < 4; ++i) connect_one();
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
  tcp::acceptor acceptor_;
  std::list<tcp::socket> fillers_;
};

inline void reset(tcp::socket& peer) {
  net::error_code ignored;
  peer.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  peer.close(ignored);
}

/// What the client sends first, up to 16 KB: a ClientHello or a request.
inline boost::asio::awaitable<std::string> first_flight(tcp::socket& peer) {
  std::string bytes(16 * 1024, '\0');
  const auto [ec, size] = co_await peer.async_read_some(boost::asio::buffer(bytes), net::as_result);
  bytes.resize(ec ? 0 : size);
  co_return bytes;
}

inline boost::asio::awaitable<void> until_closed(tcp::socket& peer) {
  std::string bytes = "x";
  while (!bytes.empty()) bytes = co_await first_flight(peer);
}

inline boost::asio::awaitable<void> reset_at_accept(tcp::socket peer) {
  reset(peer);
  co_return;
}
inline boost::asio::awaitable<void> reset_after_first_flight(tcp::socket peer) {
  (void)co_await first_flight(peer);
  reset(peer);
}
inline boost::asio::awaitable<void> end_after_first_flight(tcp::socket peer) { (void)co_await first_flight(peer); }
inline boost::asio::awaitable<void> silent(tcp::socket peer) { co_await until_closed(peer); }

enum class then : std::uint8_t { close, reset, hold };

/// Says `text` after the first flight, whatever that was.
inline boost::asio::awaitable<void> say(tcp::socket peer, std::string text, then what) {
  (void)co_await first_flight(peer);
  (void)co_await boost::asio::async_write(peer, boost::asio::buffer(text), net::as_result);
  if (what == then::reset) reset(peer);
  if (what == then::hold) co_await until_closed(peer);
}

/// Says `text`, then `piece` again and again until the client has gone.
inline boost::asio::awaitable<void> say_for_ever(tcp::socket peer, std::string text, std::string piece,
                                                 std::chrono::milliseconds pause) {
  (void)co_await first_flight(peer);
  net::error_code failed;
  while (!failed) {
    const auto [ec, size] = co_await boost::asio::async_write(peer, boost::asio::buffer(text), net::as_result);
    failed = ec;
    text = piece;
    const auto slept = co_await net::sleep_for(pause);
    if (!slept) co_return;
  }
}

inline behaviour saying(std::string text, then what = then::close) {
  return [text = std::move(text), what](tcp::socket peer) { return say(std::move(peer), text, what); };
}
inline behaviour saying_for_ever(std::string text, std::string piece, std::chrono::milliseconds pause = {}) {
  return [=](tcp::socket peer) { return say_for_ever(std::move(peer), text, piece, pause); };
}

} // namespace landfall::fakes
