// A tor that somebody else runs, as far as its control and SOCKS ports go: answers by the first word of a command, and
// does on demand what a real one does only when it dies.
#pragma once

#include "net/notifier.hpp"
#include "net/scope.hpp"
#include "net/socks5.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace landfall::fakes {

class fake_tor {
public:
  explicit fake_tor(const net::asio::any_io_executor& executor)
      : executor_(executor), control_(executor, at_any_port()), socks_(executor, at_any_port()), changed_(executor) {}

  [[nodiscard]] net::asio::ip::tcp::endpoint control_place() const { return control_.local_endpoint(); }

  std::string phase = "BOOTSTRAP PROGRESS=100 TAG=done";
  bool hangs_up = false;                                    ///< on every new control connection
  std::vector<std::string> heard;                           ///< commands of all control connections
  std::vector<std::chrono::steady_clock::time_point> calls; ///< when each control connection came

  /// What becomes of the n-th stream, once so many were asked for; without a reply: nothing. Beyond the end: granted.
  struct circuit {
    std::optional<wire::socks_reply> reply = wire::socks_reply::succeeded;
    std::size_t once_asked = 0;
  };
  std::vector<circuit> circuits;
  std::vector<std::string> isolations; ///< of each stream that was asked for

  [[nodiscard]] std::ptrdiff_t count(const std::string& word) const {
    return std::count_if(heard.begin(), heard.end(), [&](const auto& one) { return one.starts_with(word); });
  }
  /// Ends the control connections that stand.
  void hang_up() {
    for (auto* one : connections_) one->close();
  }
  void close_socks() { socks_.close(); }
  /// Until `holds`: looked at again after every command and connection.
  template <class Condition> net::awaitable<void> until(Condition holds) {
    for (bool cancelled = false; !cancelled && !holds();) {
      auto waiting = changed_.wait();
      const auto waited = co_await std::move(waiting);
      cancelled = waited.has_error();
    }
  }

  net::awaitable<void> serve() {
    co_await net::asio::this_coro::throw_if_cancelled(false);
    net::scope both(executor_);
    both.spawn(serve_control(both));
    both.spawn(serve_socks(both));
    co_await both.join();
  }

private:
  static net::asio::ip::tcp::endpoint at_any_port() { return {net::asio::ip::address_v4::loopback(), 0}; }

  net::awaitable<void> serve_control(net::scope& connections) {
    for (;;) {
      auto [ec, socket] = co_await control_.async_accept(net::as_result);
      if (ec) co_return;
      calls.push_back(std::chrono::steady_clock::now());
      changed_.notify();
      if (!hangs_up) connections.spawn(talk(net::as_stream(std::move(socket))));
    }
  }
  net::awaitable<void> serve_socks(net::scope& connections) {
    for (;;) {
      auto [ec, socket] = co_await socks_.async_accept(net::as_result);
      if (ec) co_return;
      connections.spawn(grant(net::as_stream(std::move(socket))));
    }
  }
  net::awaitable<void> grant(net::stream_ptr client) {
    co_await net::asio::this_coro::throw_if_cancelled(false);
    const wire::socks_policy anybody{wire::socks_policy::auth::accepted};
    auto hearing = net::socks5_accept(*client, anybody);
    const auto asked = co_await std::move(hearing);
    if (!asked || !asked->said) co_return;
    const auto what = isolations.size() < circuits.size() ? circuits[isolations.size()] : circuit{};
    isolations.push_back(asked->said->user.reveal());
    changed_.notify();
    auto waiting = until([&] { return isolations.size() >= what.once_asked; });
    co_await std::move(waiting);
    if (what.reply) {
      auto replying = net::socks5_reply(*client, *what.reply);
      (void)co_await std::move(replying);
    }
    auto holding = client->readable(); // until who asked goes away
    (void)co_await std::move(holding);
  }

  net::awaitable<void> talk(net::stream_ptr client) {
    co_await net::asio::this_coro::throw_if_cancelled(false);
    connections_.push_back(client.get());
    std::string buffer;
    for (bool stands = true; stands;) {
      std::string piece(512, '\0');
      auto reading = client->read_some(net::asio::buffer(piece));
      const auto size = co_await std::move(reading);
      stands = size && *size > 0;
      if (stands) buffer.append(piece, 0, *size);
      for (auto end = buffer.find("\r\n"); stands && end != buffer.npos; end = buffer.find("\r\n")) {
        const auto answer = answer_to(buffer.substr(0, end));
        buffer.erase(0, end + 2);
        auto writing = client->write(net::asio::buffer(answer));
        const auto written = co_await std::move(writing);
        stands = written.has_value();
        changed_.notify();
      }
    }
    std::erase(connections_, client.get());
  }

  std::string answer_to(const std::string& command) {
    heard.push_back(command);
    if (command.starts_with("PROTOCOLINFO"))
      return "250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250-VERSION Tor=\"0.4.9.11\"\r\n250 OK\r\n";
    if (command == "GETINFO net/listeners/socks")
      return fmt::format("250-net/listeners/socks=\"unix:/nowhere\" \"127.0.0.1:{}\"\r\n250 OK\r\n",
                         socks_.local_endpoint().port());
    if (command == "GETINFO status/bootstrap-phase")
      return fmt::format("250-status/bootstrap-phase=NOTICE {}\r\n250 OK\r\n", phase);
    return "250 OK\r\n";
  }

  net::asio::any_io_executor executor_;
  net::asio::ip::tcp::acceptor control_, socks_;
  net::notifier changed_;
  std::vector<net::stream*> connections_;
};

} // namespace landfall::fakes
