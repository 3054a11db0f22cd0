// A name server in a few lines, for answers that a real one would never give. UDP only.
#pragma once

#include "net/scope.hpp"

#include <boost/asio/ip/udp.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace landfall::fakes {

class dns_server {
public:
  /// `answer` is given a query and returns the datagram to send back; an empty one: silence.
  dns_server(const boost::asio::any_io_executor& executor, std::function<std::string(const std::string&)> answer)
      : socket_(executor, {boost::asio::ip::address_v4::loopback(), 0}), answer_(std::move(answer)) {}

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port()); }
  [[nodiscard]] int asked() const noexcept { return asked_; }

  boost::asio::awaitable<void> serve() {
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    for (;;) {
      std::string query(1500, '\0');
      boost::asio::ip::udp::endpoint from;
      const auto [ec, size] = co_await socket_.async_receive_from(boost::asio::buffer(query), from, net::as_result);
      if (ec) co_return;
      query.resize(size);
      ++asked_;
      const auto reply = answer_(query);
      net::error_code ignored;
      if (!reply.empty()) socket_.send_to(boost::asio::buffer(reply), from, 0, ignored);
    }
  }

private:
  boost::asio::ip::udp::socket socket_;
  std::function<std::string(const std::string&)> answer_;
  int asked_ = 0;
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

/// One A record for the name of the question.
inline std::string dns_a_record(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  std::string out("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04", 12);
  for (const auto byte : {a, b, c, d}) out += static_cast<char>(byte);
  return out;
}

} // namespace landfall::fakes
