#include "net/relay.hpp"

#include "net/deadline.hpp"
#include "tests/fakes/run.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <doctest/doctest.h>

using namespace landfall;
using namespace std::chrono_literals;
using net::asio::awaitable;
using local_socket = net::asio::local::stream_protocol::socket;
using tcp = net::asio::ip::tcp;

namespace {

/// client = near end of the first pair, server = far end of the second; the relay joins the middle.
struct line {
  local_socket client, left, right, server;
  explicit line(net::asio::any_io_executor ex) : client(ex), left(ex), right(ex), server(ex) {
    net::asio::local::connect_pair(client, left);
    net::asio::local::connect_pair(right, server);
  }
};

awaitable<void> relayed(line& l, net::relay_limits limits, std::optional<net::result<net::relayed>>& out) {
  auto done = co_await net::relay(l.left, l.right, limits);
  out.emplace(std::move(done));
}

template <class Socket> awaitable<std::string> read_all(Socket& from) {
  std::string out;
  (void)co_await net::asio::async_read(from, net::asio::dynamic_buffer(out), net::as_result);
  co_return out;
}

template <class Socket> awaitable<void> say(Socket& to, std::string text) {
  (void)co_await net::asio::async_write(to, net::asio::buffer(text), net::as_result);
  net::error_code ec;
  to.shutdown(net::asio::socket_base::shutdown_send, ec);
}

struct heard {
  std::string by_server, by_client;
  net::result<net::relayed> relay;
};

awaitable<heard> question_and_answer(std::string question, std::string answer) {
  const auto executor = co_await net::asio::this_coro::executor;
  line l(executor);
  net::scope children(executor);
  std::optional<net::result<net::relayed>> out;
  children.spawn(relayed(l, {}, out));
  children.spawn(say(l.client, std::move(question)));
  heard got{{}, {}, net::relayed{}};
  got.by_server = co_await read_all(l.server); // ends although the server has not yet said a word
  children.spawn(say(l.server, std::move(answer)));
  got.by_client = co_await read_all(l.client);
  co_await children.join();
  got.relay = std::move(*out);
  co_return got;
}

awaitable<net::result<net::relayed>> silent(net::relay_limits limits, bool cancel) {
  const auto executor = co_await net::asio::this_coro::executor;
  line l(executor);
  net::scope children(executor);
  std::optional<net::result<net::relayed>> out;
  children.spawn(relayed(l, limits, out));
  if (cancel) {
    co_await children.wait(std::chrono::steady_clock::now() + 5ms);
    children.cancel();
  }
  co_await children.join();
  CHECK_FALSE(l.left.is_open());
  CHECK_FALSE(l.right.is_open());
  co_return std::move(*out);
}

awaitable<net::result<net::relayed>> reset_on_the_left() {
  const auto executor = co_await net::asio::this_coro::executor;
  tcp::acceptor acceptor(executor, {net::asio::ip::address_v4::loopback(), 0});
  tcp::socket client(executor), left(executor);
  (void)co_await client.async_connect(acceptor.local_endpoint(), net::as_result);
  acceptor.accept(left);
  local_socket right(executor), server(executor);
  net::asio::local::connect_pair(right, server);
  client.set_option(net::asio::socket_base::linger(true, 0));
  client.close(); // with linger 0: RST
  co_return co_await net::relay(left, right);
}

} // namespace

TEST_CASE("a relay keeps a half-closed connection open for the answer") {
  const auto got = fakes::run(question_and_answer("question", "the answer"));
  CHECK(got.by_server == "question");
  CHECK(got.by_client == "the answer");
  REQUIRE(got.relay.has_value());
  CHECK(got.relay->sent == 8);
  CHECK(got.relay->received == 10);
}

TEST_CASE("a relay carries more than a buffer") {
  const std::string megabytes(3'000'000, 'x');
  const auto got = fakes::run(question_and_answer(megabytes, megabytes + "y"));
  CHECK(got.by_server == megabytes);
  CHECK(got.by_client == megabytes + "y");
}

TEST_CASE("a silent relay is timed out, a cancelled one cancelled") {
  const auto idle = fakes::run(silent({.idle = 5ms}, false));
  REQUIRE(idle.has_error());
  CHECK(idle.error().what == base::outcome::timed_out);
  const auto cancelled = fakes::run(silent({}, true));
  REQUIRE(cancelled.has_error());
  CHECK(cancelled.error().what == base::outcome::cancelled);
}

TEST_CASE("a reset on one side ends both directions") {
  const auto got = fakes::run(reset_on_the_left());
  REQUIRE(got.has_error());
  CHECK(got.error().what == base::outcome::reset_before_hello);
}
