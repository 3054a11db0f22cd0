// A request that is cancelled, at every stage: it ends at once, is joined, and leaves nothing behind.
#include "http/client.hpp"
#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/run.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using base::stage;
using net::asio::awaitable;

namespace {

struct scene {
  std::string url; ///< with {} for the server's port
  fakes::behaviour server;
  stage reached; ///< cancelled once there; none: at once, resolve: once a name server was asked
};

http::request patient(std::string url) {
  http::request what;
  what.url = std::move(url);
  what.max_body = 1 << 20;
  what.connect = what.tls = what.first_byte = what.whole = 1h;
  what.low_speed_time = 1h;
  return what;
}

awaitable<net::result<http::response>> cancelled_at(scene play) {
  const auto executor = co_await net::asio::this_coro::executor;
  fakes::hostile_server server(executor, play.server);
  http::resolver_options over_https; // the server is the resolver too
  over_https.doh = {fmt::format("https://127.0.0.1/dns-query@127.0.0.1:{}", server.port())};
  over_https.timeout = 1h;
  http::resolver names(executor, over_https);
  http::client client(executor, {}, names);
  net::scope servers(executor), asking(executor);
  servers.spawn(server.serve());
  auto what = patient(fmt::format(fmt::runtime(play.url), server.port()));
  stage at = stage::none;
  what.progress = [&at](stage now) { at = now; };
  std::optional<net::result<http::response>> out;
  asking.spawn(net::detail::keep(client.get(std::move(what)), out));
  const auto there = [&] {
    if (play.reached == stage::resolve) return server.accepted() > 0;
    return play.reached == stage::none || at == play.reached;
  };
  while (!there() && asking.running() > 0) (void)co_await net::sleep_for(1ms);
  asking.cancel();
  co_await asking.join();
  servers.cancel();
  co_await servers.join();
  co_return std::move(*out);
}

std::size_t descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

} // namespace

TEST_CASE("a request is cancelled at every stage") {
  const auto body = fakes::saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", fakes::then::hold);
  struct row {
    std::string name;
    scene play;
  };
  const row rows[] = {
      {"at once", {"https://localhost:{}/", fakes::silent, stage::none}},
      {"in the look-up", {"https://name.example:{}/", fakes::silent, stage::resolve}},
      {"in the TLS handshake", {"https://localhost:{}/", fakes::silent, stage::connect}},
      {"waiting for the answer", {"http://localhost:{}/", fakes::silent, stage::connect}},
      {"in the body", {"http://localhost:{}/", body, stage::body}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto open_before = descriptors();
    const auto before = std::chrono::steady_clock::now();
    const auto got = fakes::run(cancelled_at(row.play));
    REQUIRE(got.has_error());
    CAPTURE(base::to_string(got.error()));
    CHECK(base::name(got.error().what) == base::name(outcome::cancelled));
    CHECK(std::chrono::steady_clock::now() - before < 5s);
    CHECK(descriptors() == open_before);
  }
}

TEST_CASE("a SYN without an answer: timed out, or cancelled") {
  struct row {
    std::string name;
    std::chrono::milliseconds connect, cancel_after;
    outcome expected;
  };
  const row rows[] = {{"timed out", 50ms, 1h, outcome::timed_out}, {"cancelled", 1h, 50ms, outcome::cancelled}};
  const auto play = [](std::chrono::milliseconds connect,
                       std::chrono::milliseconds cancel_after) -> awaitable<net::result<http::response>> {
    const auto executor = co_await net::asio::this_coro::executor;
    const fakes::deaf_port deaf(executor);
    http::resolver names(executor, {});
    http::client client(executor, {}, names);
    net::scope asking(executor);
    auto what = patient("https://localhost:" + std::to_string(deaf.port()) + "/");
    what.connect = connect;
    std::optional<net::result<http::response>> out;
    asking.spawn(net::detail::keep(client.get(std::move(what)), out));
    co_await asking.wait(std::chrono::steady_clock::now() + cancel_after);
    asking.cancel();
    co_await asking.join();
    co_return std::move(*out);
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto open_before = descriptors();
    const auto got = fakes::run(play(row.connect, row.cancel_after));
    REQUIRE(got.has_error());
    CHECK(base::name(got.error().what) == base::name(row.expected));
    CHECK(got.error().at == stage::connect);
    CHECK(descriptors() == open_before);
  }
}

TEST_CASE("two requests of one client, one cancelled: the other goes on") {
  net::asio::io_context context;
  http::resolver names(context.get_executor(), {});
  http::client client(context.get_executor(), {}, names);
  const auto play = [](http::client& on) -> awaitable<net::result<http::response>> {
    const auto executor = co_await net::asio::this_coro::executor;
    fakes::hostile_server never(executor, fakes::silent);
    fakes::hostile_server soon(executor, fakes::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    net::scope servers(executor), asking(executor);
    servers.spawn(never.serve());
    servers.spawn(soon.serve());
    std::optional<net::result<http::response>> stuck, out;
    const auto url = [](const fakes::hostile_server& of) {
      return "http://localhost:" + std::to_string(of.port()) + "/";
    };
    const auto first = asking.spawn(net::detail::keep(on.get(patient(url(never))), stuck));
    while (never.accepted() == 0) (void)co_await net::sleep_for(1ms);
    asking.spawn(net::detail::keep(on.get(patient(url(soon))), out));
    asking.cancel(first);
    co_await asking.join();
    CHECK(stuck->error().what == outcome::cancelled);
    servers.cancel();
    co_await servers.join();
    co_return std::move(*out);
  };
  const auto got = fakes::run_on(context, play(client));
  REQUIRE(got.has_value());
  CHECK(got->body == "ok");
}

TEST_CASE("the deadline of the whole holds whatever the stage") {
  net::asio::io_context context;
  http::resolver names(context.get_executor(), {});
  http::client client(context.get_executor(), {}, names);
  const auto play = [](http::client& on) -> awaitable<net::result<http::response>> {
    const auto executor = co_await net::asio::this_coro::executor;
    fakes::hostile_server server(executor, fakes::saying_for_ever("HTTP/1.1 200 OK\r\n\r\n", "x", 10ms));
    net::scope servers(executor);
    servers.spawn(server.serve());
    auto what = patient("http://localhost:" + std::to_string(server.port()) + "/");
    what.whole = 200ms;
    auto got = co_await on.get(std::move(what));
    servers.cancel();
    co_await servers.join();
    co_return got;
  };
  const auto got = fakes::run_on(context, play(client));
  REQUIRE(got.has_error());
  CHECK(got.error().what == outcome::timed_out);
  CHECK(got.error().at == stage::body);
}
