// A name server in a few lines, for answers that a real one would never give: late, several, over TCP.
#pragma once

#include "net/scope.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace landfall::fakes {

/// One datagram, and how long after the question it is sent.
struct dns_datagram {
  std::string bytes;
  std::chrono::milliseconds after{0};
};

class dns_server {
public:
  using one_fn = std::function<std::string(const std::string&)>;
  using many_fn = std::function<std::vector<dns_datagram>(const std::string&)>;

  /// `answer` is given a query and returns the datagram to send back; an empty one: silence.
  dns_server(const boost::asio::any_io_executor& executor, one_fn answer)
      : dns_server(executor, many_fn([answer = std::move(answer)](const std::string& query) {
                     auto bytes = answer(query);
                     return bytes.empty() ? std::vector<dns_datagram>{} : std::vector{dns_datagram{std::move(bytes)}};
                   })) {}
  /// As a censor beside a resolver: several, each at its time. `over_tcp` answers there; empty: the connection ends.
  dns_server(const boost::asio::any_io_executor& executor, many_fn answers, one_fn over_tcp = {})
      : executor_(executor), udp_(executor), tcp_(executor), answers_(std::move(answers)),
        over_tcp_(std::move(over_tcp)) {
    bind_both();
  }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(udp_.local_endpoint().port()); }
  [[nodiscard]] int asked() const noexcept { return asked_; } ///< over UDP
  [[nodiscard]] int connected() const noexcept { return connected_; }
  /// The last question, as on the wire.
  [[nodiscard]] const std::string& last() const noexcept { return last_; }

  /// Connections are refused from now on.
  void close_tcp() { tcp_.close(); }

  boost::asio::awaitable<void> serve() {
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    net::scope both(executor_);
    both.spawn(serve_udp(both));
    both.spawn(serve_tcp());
    co_await both.join();
  }

private:
  /// A port that is free for both: one that is free for UDP may be somebody's over TCP.
  void bind_both() {
    const auto loopback = boost::asio::ip::address_v4::loopback();
    net::error_code taken = boost::asio::error::address_in_use;
    for (int tries = 0; tries < 100 && taken; ++tries) {
      udp_ = {executor_, {loopback, 0}};
      tcp_ = boost::asio::ip::tcp::acceptor(executor_, boost::asio::ip::tcp::v4());
      tcp_.bind({loopback, udp_.local_endpoint().port()}, taken);
    }
    if (taken) throw boost::system::system_error(taken);
    tcp_.listen();
  }
  boost::asio::awaitable<void> serve_udp(net::scope& replies) {
    for (;;) {
      std::string query(1500, '\0');
      boost::asio::ip::udp::endpoint from;
      const auto [ec, size] = co_await udp_.async_receive_from(boost::asio::buffer(query), from, net::as_result);
      if (ec) co_return;
      query.resize(size);
      ++asked_;
      last_ = query;
      for (auto& one : answers_(query)) {
        if (one.after.count() == 0)
          send(one.bytes, from);
        else
          replies.spawn(send_later(std::move(one), from));
      }
    }
  }
  boost::asio::awaitable<void> send_later(dns_datagram one, boost::asio::ip::udp::endpoint to) {
    boost::asio::steady_timer timer(executor_, one.after);
    const auto [ec] = co_await timer.async_wait(net::as_result);
    if (!ec) send(one.bytes, to);
  }
  void send(const std::string& bytes, const boost::asio::ip::udp::endpoint& to) {
    net::error_code ignored;
    udp_.send_to(boost::asio::buffer(bytes), to, 0, ignored);
  }
  boost::asio::awaitable<void> serve_tcp() {
    for (;;) {
      auto [ec, stream] = co_await tcp_.async_accept(net::as_result);
      if (ec) co_return;
      ++connected_;
      std::string query(2, '\0');
      const auto [cut, two] = co_await boost::asio::async_read(stream, boost::asio::buffer(query), net::as_result);
      if (cut || !over_tcp_) continue;
      query.resize(
          static_cast<std::size_t>(static_cast<std::uint8_t>(query[0]) << 8 | static_cast<std::uint8_t>(query[1])));
      const auto [torn, all] = co_await boost::asio::async_read(stream, boost::asio::buffer(query), net::as_result);
      if (torn) continue;
      auto answer = over_tcp_(query);
      answer.insert(0, {static_cast<char>(answer.size() >> 8), static_cast<char>(answer.size() & 0xff)});
      (void)co_await boost::asio::async_write(stream, boost::asio::buffer(answer), net::as_result);
    }
  }

  boost::asio::any_io_executor executor_;
  boost::asio::ip::udp::socket udp_;
  boost::asio::ip::tcp::acceptor tcp_;
  many_fn answers_;
  one_fn over_tcp_;
  std::string last_;
  int asked_ = 0, connected_ = 0;
};

/// The question's header with these flags and counts, then the question: the start of an answer to it.
inline std::string dns_reply(const std::string& query, std::uint16_t flags, std::uint16_t answers) {
  if (query.size() < 12) return {};
  std::string out = query.substr(0, 2);
  const auto put = [&out](std::uint16_t value) {
    out += static_cast<char>(value >> 8);
    out += static_cast<char>(value & 0xff);
  };
  put(flags);
  put(1);
  put(answers);
  put(0);
  put(0);
  auto end = query.find('\0', 12); // the root label ends the name
  if (end == std::string::npos) return {};
  return out + query.substr(12, end + 5 - 12);
}

/// The type that the query asks for.
inline std::uint16_t dns_type(const std::string& query) {
  const auto end = query.find('\0', 12);
  if (end == std::string::npos || end + 2 >= query.size()) return 0;
  return static_cast<std::uint16_t>(static_cast<std::uint8_t>(query[end + 1]) << 8 |
                                    static_cast<std::uint8_t>(query[end + 2]));
}

/// One A record for the name of the question.
inline std::string dns_a_record(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  std::string out("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04", 12);
  for (const auto byte : {a, b, c, d}) out += static_cast<char>(byte);
  return out;
}

/// The whole answer with this one address to a question for A; to every other, that there is no such record.
inline std::string dns_a_reply(const std::string& query, std::uint8_t a, std::uint8_t b, std::uint8_t c,
                               std::uint8_t d) {
  const bool asked = dns_type(query) == 1;
  return dns_reply(query, 0x8180, asked ? 1 : 0) + (asked ? dns_a_record(a, b, c, d) : std::string());
}

} // namespace landfall::fakes
