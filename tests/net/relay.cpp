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

void connect(local_socket& one, local_socket& other) { net::asio::local::connect_pair(one, other); }
void connect(tcp::socket& one, tcp::socket& other) {
  tcp::acceptor acceptor(one.get_executor(), {net::asio::ip::address_v4::loopback(), 0});
  one.connect(acceptor.local_endpoint());
  acceptor.accept(other);
}

/// client = near end of the first pair, server = far end of the second; the relay joins the middle.
template <class Near, class Far> struct line {
  Near client, left;
  Far right, server;
  explicit line(net::asio::any_io_executor ex) : client(ex), left(ex), right(ex), server(ex) {
    connect(client, left);
    connect(right, server);
  }
};

template <class Line>
awaitable<void> relayed(Line& l, net::relay_limits limits, std::optional<net::result<net::relayed>>& out) {
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

template <class Near, class Far> awaitable<heard> question_and_answer(std::string question, std::string answer) {
  const auto executor = co_await net::asio::this_coro::executor;
  line<Near, Far> l(executor);
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

template <class Near, class Far> awaitable<net::result<net::relayed>> silent(net::relay_limits limits, bool cancel) {
  const auto executor = co_await net::asio::this_coro::executor;
  line<Near, Far> l(executor);
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

template <class Far> awaitable<net::result<net::relayed>> reset_on_the_left() {
  const auto executor = co_await net::asio::this_coro::executor;
  line<tcp::socket, Far> l(executor);
  l.client.set_option(net::asio::socket_base::linger(true, 0));
  l.client.close(); // with linger 0: RST
  co_return co_await net::relay(l.left, l.right);
}

using way_fn = awaitable<heard> (*)(std::string, std::string);
struct {
  const char* name;
  way_fn ask;
} const ways[] = {
    {"local to local", question_and_answer<local_socket, local_socket>},
    {"TCP to TCP", question_and_answer<tcp::socket, tcp::socket>},
    {"TCP to local", question_and_answer<tcp::socket, local_socket>},
    {"local to TCP", question_and_answer<local_socket, tcp::socket>},
};

/// Bytes that show when one is lost, doubled or moved.
std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>((i * 2654435761U) >> 13);
  return out;
}

awaitable<void> keep_bytes(net::stream& a, net::stream& b, net::relayed& moved, std::optional<base::outcome>& ended) {
  const auto done = co_await net::relay(a, b, {}, &moved);
  ended = done ? base::outcome::won : done.error().what;
}

struct stalled {
  net::relayed moved;
  std::string heard;
  std::optional<base::outcome> ended;
};

/// A server that reads nothing until the relay can move no more; then all of it.
awaitable<stalled> slow_receiver(std::string text) {
  const auto executor = co_await net::asio::this_coro::executor;
  line<tcp::socket, tcp::socket> l(executor);
  const auto a = net::as_stream(std::move(l.left)), b = net::as_stream(std::move(l.right));
  net::scope children(executor);
  stalled out;
  children.spawn(keep_bytes(*a, *b, out.moved, out.ended));
  children.spawn(say(l.client, text));
  for (std::uint64_t before = 1; before != out.moved.sent;) {
    before = out.moved.sent;
    co_await children.wait(std::chrono::steady_clock::now() + 30ms);
  }
  CHECK(out.moved.sent < text.size());
  children.spawn(say(l.server, "done"));
  out.heard = co_await read_all(l.server);
  const auto answer = co_await read_all(l.client);
  CHECK(answer == "done");
  co_await children.join();
  co_return out;
}

} // namespace

TEST_CASE("a relay keeps a half-closed connection open for the answer") {
  for (const auto& way : ways) {
    CAPTURE(way.name);
    const auto got = fakes::run(way.ask("question", "the answer"));
    CHECK(got.by_server == "question");
    CHECK(got.by_client == "the answer");
    REQUIRE(got.relay.has_value());
    CHECK(got.relay->sent == 8);
    CHECK(got.relay->received == 10);
  }
}

TEST_CASE("a relay carries more than a buffer, a pipe and a turn") {
  const auto megabytes = pattern(9'000'001);
  for (const auto& way : ways) {
    CAPTURE(way.name);
    const auto got = fakes::run(way.ask(megabytes, megabytes + "y"));
    CHECK((got.by_server == megabytes)); // not printed when it fails
    CHECK((got.by_client == megabytes + "y"));
    REQUIRE(got.relay.has_value());
    CHECK(got.relay->sent == megabytes.size());
    CHECK(got.relay->received == megabytes.size() + 1);
  }
}

TEST_CASE("a receiver that takes nothing for a while gets everything in the end") {
  const auto text = pattern(40'000'000);
  const auto got = fakes::run(slow_receiver(text));
  CHECK((got.heard == text));
  CHECK(got.moved.sent == text.size());
  CHECK(got.ended == base::outcome::won);
}

TEST_CASE("a silent relay is timed out, a cancelled one cancelled") {
  const auto table = {silent<local_socket, local_socket>, silent<tcp::socket, tcp::socket>};
  for (const auto& way : table) {
    const auto idle = fakes::run(way({.idle = 5ms}, false));
    REQUIRE(idle.has_error());
    CHECK(idle.error().what == base::outcome::timed_out);
    const auto cancelled = fakes::run(way({}, true));
    REQUIRE(cancelled.has_error());
    CHECK(cancelled.error().what == base::outcome::cancelled);
  }
}

TEST_CASE("a reset on one side ends both directions") {
  for (const auto& way : {reset_on_the_left<local_socket>, reset_on_the_left<tcp::socket>}) {
    const auto got = fakes::run(way());
    REQUIRE(got.has_error());
    CHECK(got.error().what == base::outcome::reset_before_hello);
  }
}
