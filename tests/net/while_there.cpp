// A client that leaves while something is done for it.
#include "net/while_there.hpp"

#include "net/deadline.hpp"
#include "tests/fakes/run.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using net::awaitable;
using net::result;
using tcp = net::asio::ip::tcp;

namespace {

/// What a client does while it waits.
struct client_of {
  std::string sends{};
  bool ends = false, resets = false;
};

/// Done when `done` is called, which may be never; `running` is 0 when it has ended.
awaitable<result<int>> work(net::scope& until, int& running) {
  const fakes::alive here(running);
  co_await until.wait();
  const bool cancelled = co_await net::was_cancelled();
  if (cancelled) co_return base::fail(outcome::cancelled);
  co_return 42;
}

awaitable<void> serve(net::stream& client, std::string& early, net::scope& until, int& running,
                      std::optional<result<int>>& out) {
  auto working = net::while_there(client, early, work(until, running));
  auto got = co_await std::move(working);
  out.emplace(std::move(got));
}

struct seen {
  std::optional<result<int>> ended;
  bool by_itself = false; ///< it ended before the work was done
  std::string early;
};

awaitable<seen> meet(client_of does) {
  const auto executor = co_await net::asio::this_coro::executor;
  tcp::acceptor listening(executor, {net::asio::ip::address_v4::loopback(), 0});
  tcp::socket client(executor), accepted(executor);
  const auto [failed] = co_await client.async_connect(listening.local_endpoint(), net::as_result);
  REQUIRE_FALSE(failed);
  const auto [refused] = co_await listening.async_accept(accepted, net::as_result);
  REQUIRE_FALSE(refused);
  const auto server = net::as_stream(std::move(accepted));
  seen out;
  int running = 0;
  net::scope until(executor), serving(executor);
  serving.spawn(serve(*server, out.early, until, running, out.ended));
  if (!does.sends.empty()) (void)net::asio::write(client, net::asio::buffer(does.sends));
  if (does.resets) client.set_option(net::asio::socket_base::linger(true, 0));
  if (does.resets || does.ends) client.close();
  const bool leaves = does.resets || (does.ends && does.sends.empty());
  // Who leaves is noticed, however long that takes; who stays has sent everything before the work is done.
  while (leaves ? !out.ended : out.early.size() < does.sends.size()) {
    auto turn = net::sleep_for(1ms);
    (void)co_await std::move(turn);
  }
  out.by_itself = out.ended.has_value();
  until.poke();
  co_await serving.join();
  CHECK(running == 0);
  co_return out;
}

} // namespace

TEST_CASE("a client that leaves is noticed at once, and one that waits is served") {
  struct {
    const char* name;
    client_of does;
    bool leaves;
  } const table[] = {
      {"waits", {}, false},
      {"sends first, and waits", {"GET /"}, false},
      {"sends first, and ends its direction", {"GET /", true}, false},
      {"ends its connection", {{}, true}, true},
      {"resets its connection", {{}, false, true}, true},
      {"sends, and resets", {"GET /", false, true}, true},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    const auto got = fakes::run(meet(row.does));
    REQUIRE(got.ended);
    CHECK(got.by_itself == row.leaves);
    CHECK(got.ended->has_value() == !row.leaves);
    if (row.leaves) CHECK(got.ended->error().what == outcome::cancelled);
    if (!row.leaves) CHECK(got.early == row.does.sends);
  }
}

namespace {

awaitable<void> in_time(net::stream& client, std::string& early, net::scope& until, int& running,
                        std::optional<result<int>>& out) {
  auto limited = net::with_deadline(net::while_there(client, early, work(until, running)), 100ms, base::stage::connect);
  auto got = co_await std::move(limited);
  out.emplace(std::move(got));
}

/// No more than max_early is taken of a client that sends and sends; then a deadline cancels all of it.
awaitable<seen> flooded() {
  const auto executor = co_await net::asio::this_coro::executor;
  net::asio::local::stream_protocol::socket client(executor), accepted(executor);
  net::asio::local::connect_pair(client, accepted);
  const auto server = net::as_stream(std::move(accepted));
  const std::string much(2 * net::max_early, 'x');
  client.non_blocking(true);
  net::error_code full;
  (void)net::asio::write(client, net::asio::buffer(much), full);
  seen out;
  int running = 0;
  net::scope until(executor), serving(executor);
  serving.spawn(in_time(*server, out.early, until, running, out.ended));
  co_await serving.join();
  CHECK(running == 0);
  co_return out;
}

} // namespace

TEST_CASE("what a client sends too early is bounded, and a deadline ends both") {
  const auto got = fakes::run(flooded());
  CHECK(got.early.size() == net::max_early);
  REQUIRE(got.ended->has_error());
  CHECK(got.ended->error().what == outcome::timed_out);
}
