#include "fronting/https_route.hpp"

#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/run.hpp"
#include "trust/limits.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using base::outcome;
using net::asio::awaitable;
using trust::document_type;

namespace {

config::url url(const std::string& text) {
  auto parsed = config::url::parse(text);
  REQUIRE(parsed.has_value());
  return *parsed;
}

/// Answers with the request's first line and If-None-Match, so that a test sees what was asked for.
awaitable<void> echo(fakes::tcp::socket peer) {
  const auto asked = co_await fakes::first_flight(peer);
  std::string said = asked.substr(0, asked.find("\r\n"));
  const auto tag = asked.find("If-None-Match: ");
  if (tag != std::string::npos) said += "\n" + asked.substr(tag, asked.find("\r\n", tag) - tag);
  const auto answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(said.size()) + "\r\n\r\n" + said;
  (void)co_await net::asio::async_write(peer, net::asio::buffer(answer), net::as_result);
}

awaitable<net::result<trust::unverified_document>> fetched(fakes::behaviour behave, fronting::https_fetch what) {
  const auto executor = co_await net::asio::this_coro::executor;
  http::resolver names(executor, {});
  http::client client(executor, {}, names);
  fakes::hostile_server server(executor, std::move(behave));
  net::scope children(executor);
  children.spawn(server.serve());
  what.url = url("http://localhost:" + std::to_string(server.port()) + "/7f3a9c/");
  auto got = co_await fronting::fetch(client, std::move(what));
  children.cancel();
  co_await children.join();
  co_return got;
}

fronting::https_fetch list_of_demo() {
  fronting::https_fetch what;
  what.network = "demo";
  what.channel = "public-0";
  return what;
}

} // namespace

TEST_CASE("a list is asked for unconditionally, or with the hash of the one we hold") {
  auto what = list_of_demo();
  const auto plain = fakes::run(fetched(echo, what));
  REQUIRE(plain.has_value());
  CHECK(plain->bytes == "GET /7f3a9c/v1/demo/public-0/list HTTP/1.1");
  what.unless = crypto::sha256("held");
  const auto conditional = fakes::run(fetched(echo, what));
  REQUIRE(conditional.has_value());
  CHECK(conditional->bytes ==
        "GET /7f3a9c/v1/demo/public-0/list HTTP/1.1\nIf-None-Match: \"" + what.unless->hex() + "\"");
}

TEST_CASE("an envelope of the largest size is taken, one byte more is not") {
  const auto answer = [](std::size_t size) {
    return fakes::saying("HTTP/1.1 200 OK\r\n\r\n" + std::string(size, 'x'));
  };
  const auto most = fakes::run(fetched(answer(trust::max_envelope), list_of_demo()));
  REQUIRE(most.has_value());
  CHECK(most->bytes.size() == trust::max_envelope);
  const auto more = fakes::run(fetched(answer(trust::max_envelope + 1), list_of_demo()));
  REQUIRE(more.has_error());
  CHECK(base::name(more.error().what) == base::name(outcome::too_large));
}

TEST_CASE("what a target asks for and this version lacks is refused, not left out") {
  auto profiled = list_of_demo();
  profiled.tls.profile = "chrome";
  const auto got = fakes::run(fetched(echo, profiled));
  REQUIRE(got.has_error());
  CHECK(base::name(got.error().what) == base::name(outcome::local_error));
}
