// Both halves of SOCKS5 over streams: against each other, against Debian's proxies, against who stops in the middle.
#include "net/socks5.hpp"

#include "net/deadline.hpp"
#include "net/socket.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <doctest/doctest.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using net::asio::awaitable;
using local_socket = net::asio::local::stream_protocol::socket;
using tcp = net::asio::ip::tcp;

namespace {

wire::socks_destination place(const char* host, std::uint16_t port) {
  return wire::socks_destination::parse(host, port).value();
}

wire::socks_credentials login(const char* user, const char* password) {
  return {base::sensitive(std::string(user)), base::sensitive(std::string(password))};
}

struct pair {
  net::stream_ptr client, server;
  explicit pair(const net::asio::any_io_executor& executor) {
    local_socket one(executor), other(executor);
    net::asio::local::connect_pair(one, other);
    client = net::as_stream(std::move(one));
    server = net::as_stream(std::move(other));
  }
};

struct both {
  std::optional<net::result<void>> client;
  std::optional<net::result<net::socks5_request>> server;
};

awaitable<void> serve(net::stream& stream, const wire::socks_policy& policy, wire::socks_reply code, both& out) {
  auto asked = co_await net::socks5_accept(stream, policy);
  out.server.emplace(asked);
  if (asked) (void)co_await net::socks5_reply(stream, code);
  stream.end_writing();
}

awaitable<both> talk(wire::socks_policy policy, std::optional<wire::socks_credentials> with, wire::socks_reply code) {
  const auto executor = co_await net::asio::this_coro::executor;
  pair ends(executor);
  net::scope children(executor);
  both out;
  children.spawn(serve(*ends.server, policy, code, out));
  auto to = place("relay.example.org", 9001);
  auto connected = co_await net::socks5_connect(*ends.client, std::move(to), std::move(with));
  out.client.emplace(std::move(connected));
  ends.client->close();
  co_await children.join();
  co_return out;
}

/// `said` by the proxy, then the end of its stream.
awaitable<net::result<void>> hear(std::string said) {
  const auto executor = co_await net::asio::this_coro::executor;
  pair ends(executor);
  const auto bytes = net::asio::buffer(said);
  (void)co_await ends.server->write(bytes);
  ends.server->end_writing();
  auto to = place("192.0.2.7", 80);
  auto got = co_await net::socks5_connect(*ends.client, std::move(to), std::nullopt);
  co_return got;
}

awaitable<net::result<net::socks5_request>> accept_of(std::string said, bool end) {
  const auto executor = co_await net::asio::this_coro::executor;
  pair ends(executor);
  const auto bytes = net::asio::buffer(said);
  (void)co_await ends.client->write(bytes);
  if (end) ends.client->end_writing();
  const wire::socks_policy policy{wire::socks_policy::auth::accepted, {}};
  auto work = net::socks5_accept(*ends.server, policy);
  auto got = co_await net::with_deadline(std::move(work), 20ms, base::stage::proxy);
  co_return got;
}

/// Through a real proxy to a server of ours that greets first, as SSH does.
awaitable<net::result<std::string>> greeted_through(std::uint16_t proxy, std::optional<wire::socks_credentials> with) {
  const auto executor = co_await net::asio::this_coro::executor;
  const auto loopback = net::asio::ip::address_v4::loopback();
  tcp::acceptor far(executor, {loopback, 0});
  const tcp::endpoint at(loopback, proxy);
  const net::socket_options plain;
  auto dialled = co_await net::dial(at, plain);
  if (!dialled) co_return dialled.error();
  const auto stream = net::as_stream(std::move(*dialled));
  auto to = place("127.0.0.1", far.local_endpoint().port());
  const auto connected = co_await net::socks5_connect(*stream, std::move(to), std::move(with));
  if (!connected) co_return connected.error();
  tcp::socket server(executor);
  (void)co_await far.async_accept(server, net::as_result);
  const std::string greeting = "SSH-2.0-test";
  (void)co_await net::asio::async_write(server, net::asio::buffer(greeting), net::as_result);
  server.close();
  std::string heard(64, '\0');
  const auto into = net::asio::buffer(heard);
  const auto got = co_await stream->read_some(into);
  if (!got) co_return got.error();
  heard.resize(*got);
  co_return heard;
}

struct microsocks {
  std::uint16_t port = fakes::free_port();
  fakes::process program;
  explicit microsocks(std::vector<std::string> more)
      : program([&] {
          std::vector<std::string> all{"microsocks", "-i", "127.0.0.1", "-p", std::to_string(port)};
          all.insert(all.end(), more.begin(), more.end());
          return all;
        }()) {
    program.wait_for_port(port);
  }
};

} // namespace

TEST_CASE("both halves agree") {
  using auth = wire::socks_policy::auth;
  using code = wire::socks_reply;
  struct {
    const char* name;
    wire::socks_policy policy;
    std::optional<wire::socks_credentials> with;
    code answer;
    std::optional<outcome> client, server;
  } const table[] = {
      {"no password", {auth::accepted, {}}, {}, code::succeeded, {}, {}},
      {"the password",
       {auth::required, base::sensitive(std::string("pass"))},
       login("me", "pass"),
       code::succeeded,
       {},
       {}},
      {"a wrong password",
       {auth::required, base::sensitive(std::string("pass"))},
       login("me", "word"),
       code::succeeded,
       outcome::proxy_failed,
       outcome::proxy_failed},
      {"none where it is wanted",
       {auth::required, base::sensitive(std::string("pass"))},
       {},
       code::succeeded,
       outcome::proxy_failed,
       outcome::malformed},
      {"arguments",
       {auth::arguments, {}},
       wire::credentials_of(std::string(300, 'x')).value(),
       code::succeeded,
       {},
       {}},
      {"refused", {auth::accepted, {}}, {}, code::refused, outcome::refused, {}},
      {"not allowed", {auth::accepted, {}}, {}, code::not_allowed, outcome::proxy_failed, {}},
      {"timed out", {auth::accepted, {}}, {}, code::ttl_expired, outcome::timed_out, {}},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    const auto got = fakes::run(talk(row.policy, row.with, row.answer));
    CHECK(got.client->has_error() == row.client.has_value());
    CHECK(got.server->has_error() == row.server.has_value());
    if (*got.server) CHECK((*got.server)->to == place("relay.example.org", 9001));
    if (*got.server && row.with) CHECK((*got.server)->said == row.with);
    if (row.client && !*got.client) CHECK(got.client->error().what == *row.client);
    if (row.server && !*got.server) CHECK(got.server->error().what == *row.server);
  }
}

TEST_CASE("a proxy that hangs up in the middle") {
  const std::string table[] = {"", "\5", std::string("\5\0", 2), std::string("\5\0\5\0\0\1", 6)};
  for (const auto& said : table) {
    const auto got = fakes::run(hear(said));
    REQUIRE(got.has_error());
    CHECK(got.error().what == outcome::reset_before_hello);
    CHECK(got.error().at == base::stage::proxy);
  }
}

TEST_CASE("a client that hangs up, and one that never goes on") {
  const auto gone = fakes::run(accept_of("\5\1", true));
  REQUIRE(gone.has_error());
  CHECK(gone.error().what == outcome::reset_before_hello);
  const auto slow = fakes::run(accept_of("\5\1", false));
  REQUIRE(slow.has_error());
  CHECK(slow.error().what == outcome::timed_out);
}

TEST_CASE("bytes that a client sends early are kept for the far end") {
  const std::string said("\5\1\0\5\1\0\1\300\0\2\7\0\120GET /", 18);
  const auto got = fakes::run(accept_of(said, false));
  REQUIRE(got.has_value());
  CHECK(got->early == "GET /");
}

TEST_CASE("Debian's microsocks, and what the far end says first") {
  const microsocks open({}), closed({"-u", "user", "-P", "pass word"});
  const auto plain = fakes::run(greeted_through(open.port, {}));
  REQUIRE(plain.has_value());
  CHECK(*plain == "SSH-2.0-test");
  const auto known = fakes::run(greeted_through(closed.port, login("user", "pass word")));
  REQUIRE(known.has_value());
  CHECK(*known == "SSH-2.0-test");
  const auto stranger = fakes::run(greeted_through(closed.port, login("user", "wrong")));
  REQUIRE(stranger.has_error());
  CHECK(stranger.error().what == outcome::proxy_failed);
  const auto nobody = fakes::run(greeted_through(closed.port, {}));
  REQUIRE(nobody.has_error());
  CHECK(nobody.error().what == outcome::proxy_failed);
}
