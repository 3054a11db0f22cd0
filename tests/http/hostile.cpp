// What http::client makes of servers that do it wrong.
#include "http/client.hpp"
#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/run.hpp"

#include <doctest/doctest.h>

#include <optional>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using base::stage;
using net::asio::awaitable;

namespace {

constexpr std::size_t most = 4096;

http::request quick(const std::string& url) {
  http::request what;
  what.url = url;
  what.max_body = most;
  what.connect = what.tls = what.first_byte = 300ms;
  what.low_speed_time = 1s;
  what.whole = 20s;
  return what;
}

/// One request to one such server; everything is joined at the end.
awaitable<net::result<http::response>> one_request(const char* scheme, fakes::behaviour behave,
                                                   std::optional<std::string> tag, std::string* stages) {
  const auto executor = co_await net::asio::this_coro::executor;
  http::resolver names(executor, {});
  http::client client(executor, {}, names);
  fakes::hostile_server server(executor, std::move(behave));
  net::scope children(executor);
  children.spawn(server.serve());
  auto what = quick(std::string(scheme) + "://localhost:" + std::to_string(server.port()) + "/");
  what.if_none_match = tag;
  what.progress = [stages](stage at) {
    if (stages) *stages += std::string(base::name(at)) + " ";
  };
  auto got = co_await client.get(std::move(what));
  children.cancel();
  co_await children.join();
  co_return got;
}

/// Three addresses, of which the server listens on the last alone.
awaitable<net::result<http::response>> by_the_third_address(fakes::behaviour behave) {
  const auto executor = co_await net::asio::this_coro::executor;
  http::resolver names(executor, {});
  http::client client(executor, {}, names);
  fakes::hostile_server server(executor, std::move(behave));
  net::scope children(executor);
  children.spawn(server.serve());
  auto what = quick("http://name.example:" + std::to_string(server.port()) + "/");
  for (const auto* text : {"127.0.0.3", "127.0.0.2", "127.0.0.1"})
    what.addresses.push_back(net::asio::ip::make_address(text));
  auto got = co_await client.get(std::move(what));
  children.cancel();
  co_await children.join();
  co_return got;
}

std::string head(const std::string& lines) { return "HTTP/1.1 200 OK\r\n" + lines + "\r\n"; }

} // namespace

TEST_CASE("every way in which a server can do wrong has its class") {
  using fakes::saying;
  using fakes::saying_for_ever;
  using fakes::then;
  const std::string kilobyte(1024, 'x');
  struct row {
    std::string name;
    const char* scheme;
    fakes::behaviour server;
    outcome expected;
    stage at;
    int code = 0;
  };
  const row rows[] = {
      {"reset after the ClientHello", "https", fakes::reset_after_first_flight, outcome::reset_after_hello, stage::tls},
      {"end after the ClientHello", "https", fakes::end_after_first_flight, outcome::reset_after_hello, stage::tls},
      {"silence after the ClientHello", "https", fakes::silent, outcome::stalled_after_hello, stage::tls},
      {"five bytes of TLS, then silence", "https", saying("\x16\x03\x03\x00\x7a", then::hold),
       outcome::stalled_after_bytes, stage::tls},
      {"five bytes of TLS, then reset", "https", saying("\x16\x03\x03\x00\x7a", then::reset),
       outcome::reset_after_hello, stage::tls},
      {"a page where TLS should be", "https", saying(head("")), outcome::captive_portal, stage::tls, 200},
      {"the way to a page where TLS should be", "https",
       saying("HTTP/1.0 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n"), outcome::captive_portal, stage::tls, 302},
      {"an error where TLS should be", "https", saying("HTTP/1.1 400 Bad Request\r\n\r\n"), outcome::malformed,
       stage::tls, 400},
      {"half a status line where TLS should be", "https", saying("HTTP/1.1 3"), outcome::malformed, stage::tls},
      {"something else where TLS should be", "https", saying("SSH-2.0-OpenSSH_9.2\r\n"), outcome::malformed,
       stage::tls},
      {"a TLS alert", "https", saying(std::string("\x15\x03\x03\x00\x02\x02\x28", 7)), outcome::malformed, stage::tls},
      {"reset after the request", "http", fakes::reset_after_first_flight, outcome::reset_after_hello, stage::request},
      {"end after the request", "http", fakes::end_after_first_flight, outcome::reset_after_hello, stage::request},
      {"silence after the request", "http", fakes::silent, outcome::timed_out, stage::request},
      {"a body cut short by an end", "http", saying(head("Content-Length: 100\r\n") + "half"),
       outcome::stalled_after_bytes, stage::body},
      {"a body cut short by a reset", "http", saying(head("Content-Length: 100\r\n") + "half", then::reset),
       outcome::stalled_after_bytes, stage::body},
      {"a body that stops", "http", saying(head("Content-Length: 100\r\n") + "half", then::hold),
       outcome::stalled_after_bytes, stage::body},
      {"ten bytes a second", "http", saying_for_ever(head(""), "x", 100ms), outcome::stalled_after_bytes, stage::body},
      {"a body that never ends", "http", saying_for_ever(head(""), kilobyte), outcome::too_large, stage::body},
      {"chunks without end", "http", saying_for_ever(head("Transfer-Encoding: chunked\r\n"), "1\r\nx\r\n"),
       outcome::too_large, stage::body},
      {"a chunk of a wrong length", "http", saying(head("Transfer-Encoding: chunked\r\n") + "zz\r\n", then::hold),
       outcome::stalled_after_bytes, stage::body},
      {"a Content-Length over the limit", "http", saying(head("Content-Length: 4097\r\n"), then::hold),
       outcome::too_large, stage::body},
      {"a Content-Length of 2^70", "http", saying(head("Content-Length: 1180591620717411303424\r\n"), then::hold),
       outcome::too_large, stage::body},
      {"a megabyte of headers", "http", saying_for_ever("HTTP/1.1 200 OK\r\n", "A: " + kilobyte + "\r\n"),
       outcome::too_large, stage::body},
      {"a header line of a megabyte", "http", saying_for_ever("HTTP/1.1 200 OK\r\nA: ", kilobyte), outcome::too_large,
       stage::body},
      {"interim answers without end", "http", saying_for_ever("", "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"),
       outcome::too_large, stage::body},
      {"a redirect", "http", saying("HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n"),
       outcome::http_status, stage::body, 302},
      {"a redirect to another host", "http",
       saying("HTTP/1.1 302 Found\r\nLocation: http://login.example/?from=here\r\nContent-Length: 0\r\n\r\n"),
       outcome::captive_portal, stage::body, 302},
      {"network authentication required", "http", saying("HTTP/1.1 511 Network Authentication Required\r\n\r\n"),
       outcome::captive_portal, stage::body, 511},
      {"not found", "http", saying("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), outcome::http_status,
       stage::body, 404},
      {"an error whose body never ends", "http", saying_for_ever("HTTP/1.1 503 Unavailable\r\n\r\n", kilobyte),
       outcome::http_status, stage::body, 503},
      {"not modified, unasked", "http", saying("HTTP/1.1 304 Not Modified\r\n\r\n"), outcome::http_status, stage::body,
       304},
      {"a part, unasked", "http", saying("HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx"),
       outcome::http_status, stage::body, 206},
      {"gzip, unasked", "http", saying(head("Content-Encoding: gzip\r\nContent-Length: 1\r\n") + "x"),
       outcome::malformed, stage::body},
      {"no status line", "http", saying("hello\r\n\r\n"), outcome::malformed, stage::request},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = fakes::run(one_request(row.scheme, row.server, std::nullopt, nullptr));
    REQUIRE(got.has_error());
    CAPTURE(base::to_string(got.error()));
    CHECK(base::name(got.error().what) == base::name(row.expected));
    CHECK(base::name(got.error().at) == base::name(row.at));
    CHECK(got.error().code == row.code);
  }
}

TEST_CASE("a reset at accept is before or after the ClientHello, as it happened") {
  const auto got = fakes::run(one_request("https", fakes::reset_at_accept, std::nullopt, nullptr));
  REQUIRE(got.has_error());
  const bool of_that_class =
      got.error().what == outcome::reset_before_hello || got.error().what == outcome::reset_after_hello;
  CAPTURE(base::to_string(got.error()));
  CHECK(of_that_class);
}

TEST_CASE("answers that are right") {
  std::string stages;
  const auto exact = std::string(most, 'y');
  const auto text = head("Content-Length: " + std::to_string(most) + "\r\n") + exact;
  const auto got = fakes::run(one_request("http", fakes::saying(text, fakes::then::hold), std::nullopt, &stages));
  REQUIRE(got.has_value());
  CHECK(got->status == 200);
  CHECK(got->body == exact);
  CHECK(got->tls_group.empty());
  CHECK(stages == "connect body ");

  const auto same =
      fakes::run(one_request("http", fakes::saying("HTTP/1.1 304 Not Modified\r\n\r\n"), "\"0123\"", nullptr));
  REQUIRE(same.has_error());
  CHECK(same.error().what == outcome::not_modified);

  const std::string hints = "HTTP/1.1 103 Early Hints\r\nContent-Encoding: x\r\n\r\n";
  const auto hinted = fakes::run(
      one_request("http", fakes::saying(hints + head("Content-Length: 2\r\n") + "ok"), std::nullopt, nullptr));
  REQUIRE(hinted.has_value());
  CHECK(hinted->body == "ok");
}

TEST_CASE("an address that refuses is followed by the next") {
  const auto got = fakes::run(by_the_third_address(fakes::saying(head("Content-Length: 2\r\n") + "ok")));
  if (got.has_error()) FAIL(base::to_string(got.error()));
  CHECK(got->body == "ok");
}

TEST_CASE("what is not a URL of ours is refused before anything is sent") {
  net::asio::io_context context;
  for (const char* url : {"", "localhost", "/v1", "ftp://localhost/", "https://user:word@localhost/", "https://"}) {
    CAPTURE(url);
    http::resolver names(context.get_executor(), {});
    http::client client(context.get_executor(), {}, names);
    const auto got = fakes::run_on(context, client.get(quick(url)));
    REQUIRE(got.has_error());
    CHECK(base::name(got.error().what) == base::name(outcome::malformed));
  }
}

TEST_CASE("a closed port is refused, a name that does not exist unreachable") {
  net::asio::io_context context;
  std::uint16_t closed = 0;
  {
    const fakes::hostile_server gone(context.get_executor(), fakes::silent);
    closed = gone.port();
  }
  http::resolver names(context.get_executor(), {});
  http::client client(context.get_executor(), {}, names);
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto url = "https://" + std::string(host) + ":" + std::to_string(closed) + "/";
    const auto got = fakes::run_on(context, client.get(quick(url)));
    REQUIRE(got.has_error());
    CHECK(base::name(got.error().what) == base::name(outcome::refused));
    CHECK(got.error().at == stage::connect);
  }
}
