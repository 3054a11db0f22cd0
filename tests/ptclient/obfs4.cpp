// The two halves of obfs4 on each other, over sockets of this process: what a class of failure each thing becomes.
#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "ptclient/obfs4_client.hpp"
#include "ptclient/obfs4_server.hpp"
#include "tests/fakes/run.hpp"

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <doctest/doctest.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using net::asio::awaitable;
using local_socket = net::asio::local::stream_protocol::socket;
namespace asio = net::asio;

namespace {
struct fixed_clock final : base::clock {
  base::unix_time now = 480000 * std::int64_t{3600};
  [[nodiscard]] base::unix_time wall() const override { return now; }
  [[nodiscard]] base::steady_time steady() const override { return std::chrono::steady_clock::now(); }
};

struct rig {
  explicit rig(asio::any_io_executor ex, wire::iat_mode iat = wire::iat_mode::none)
      : keys(ptclient::obfs4_keys::on(ex)), near(ex), far(ex) {
    auto who = wire::make_obfs4_identity();
    who.open.iat = iat;
    server = std::make_shared<ptclient::obfs4_server>(std::move(who), keys, clock);
    asio::local::connect_pair(near, far);
  }
  fixed_clock clock;
  std::shared_ptr<ptclient::obfs4_keys> keys;
  std::shared_ptr<ptclient::obfs4_server> server;
  local_socket near, far;
};

using stream_result = net::result<net::stream_ptr>;

awaitable<stream_result> give(local_socket& socket) { co_return net::as_stream(std::move(socket)); }

awaitable<void> keep_accepted(rig& r, std::optional<stream_result>& out) {
  auto accepting = ptclient::obfs4_accept(r.server, net::as_stream(std::move(r.far)));
  auto got = co_await std::move(accepting);
  out.emplace(std::move(got));
}

awaitable<stream_result> connect(rig& r, wire::obfs4_bridge bridge) {
  ptclient::dialer dial = [&r] { return give(r.near); };
  auto connecting = ptclient::obfs4_connect(bridge, std::move(dial), r.keys, r.clock);
  auto out = co_await std::move(connecting);
  co_return std::move(out);
}

awaitable<void> send_all(net::stream& to, const std::string& text, net::result<void>& out) {
  auto writing = to.write(asio::buffer(text));
  out = co_await std::move(writing);
  to.end_writing();
}

/// Through a buffer of `size`.
awaitable<net::result<std::string>> receive_all(net::stream& from, std::size_t size) {
  std::string out, room(size, '\0');
  for (;;) {
    auto reading = from.read_some(asio::buffer(room));
    const auto got = co_await std::move(reading);
    if (!got) co_return got.error();
    if (*got == 0) co_return out;
    out.append(room, 0, *got);
  }
}

struct crossing {
  wire::iat_mode iat = wire::iat_mode::none;
  std::size_t size = 0, room = 0;
};

awaitable<bool> cross(crossing how) {
  const auto executor = co_await asio::this_coro::executor;
  rig r(executor, how.iat);
  net::scope children(executor);
  std::optional<stream_result> accepted;
  children.spawn(keep_accepted(r, accepted));
  auto connecting = connect(r, r.server->who.open);
  auto connected = co_await std::move(connecting);
  co_await children.join();
  REQUIRE(connected.has_value());
  REQUIRE((accepted && accepted->has_value()));
  auto &client = **connected, &server = **accepted.value();
  const auto text = crypto::random_bytes(how.size);
  net::result<void> sent;
  children.spawn(send_all(client, text, sent));
  auto receiving = receive_all(server, how.room);
  const auto got = co_await std::move(receiving);
  co_await children.join();
  REQUIRE(sent.has_value());
  REQUIRE(got.has_value());
  // The other way after the first has ended: half-close is kept.
  children.spawn(send_all(server, text, sent));
  auto back = receive_all(client, how.room);
  const auto returned = co_await std::move(back);
  co_await children.join();
  REQUIRE(returned.has_value());
  co_return *got == text && *returned == text;
}

/// What a client meets whose bridge is a function of ours.
awaitable<void> hold(local_socket& far, std::string answer, bool end) {
  std::string dropped(16384, '\0');
  (void)co_await far.async_read_some(asio::buffer(dropped), net::as_result);
  (void)co_await asio::async_write(far, asio::buffer(answer), net::as_result);
  if (end) far.close();
}

awaitable<base::failure> meet(std::string answer, bool end) {
  const auto executor = co_await asio::this_coro::executor;
  rig r(executor);
  net::scope children(executor);
  children.spawn(hold(r.far, std::move(answer), end));
  auto connecting = connect(r, r.server->who.open);
  const auto got = co_await std::move(connecting);
  co_await children.join();
  REQUIRE(got.has_error());
  co_return got.error();
}

awaitable<base::failure> dial_fails() {
  const auto executor = co_await asio::this_coro::executor;
  rig r(executor);
  ptclient::dialer dial = []() -> awaitable<stream_result> {
    co_return base::fail(outcome::refused, "no", base::stage::connect);
  };
  auto connecting = ptclient::obfs4_connect(r.server->who.open, std::move(dial), r.keys, r.clock);
  const auto got = co_await std::move(connecting);
  co_return got.error();
}

static_assert(ptclient::obfs4_handshake_limit == 10s); // of its own: a whole lane has 30

awaitable<void> listen_and_say_nothing(local_socket& far) {
  std::string heard(16384, '\0');
  for (;;) {
    const auto [ec, got] = co_await far.async_read_some(asio::buffer(heard), net::as_result);
    if (ec) break;
  }
}

awaitable<base::failure> silence(std::chrono::milliseconds limit) {
  const auto executor = co_await asio::this_coro::executor;
  rig r(executor);
  net::scope children(executor);
  children.spawn(listen_and_say_nothing(r.far));
  ptclient::dialer dial = [&r] { return give(r.near); };
  auto connecting = ptclient::obfs4_connect(r.server->who.open, std::move(dial), r.keys, r.clock, limit);
  auto lane = net::with_deadline(std::move(connecting), fakes::patience / 2, base::stage::none);
  const auto got = co_await std::move(lane);
  co_await children.join(); // the connection has been closed, or this hangs
  co_return got.error();
}

awaitable<void> connect_for_ever(rig& r, std::optional<stream_result>& out) {
  auto connecting = connect(r, r.server->who.open);
  auto got = co_await std::move(connecting);
  out.emplace(std::move(got));
}

awaitable<base::failure> cancelled_meanwhile() {
  const auto executor = co_await asio::this_coro::executor;
  rig r(executor);
  net::scope children(executor);
  std::optional<stream_result> out;
  children.spawn(connect_for_ever(r, out));
  co_await children.wait(std::chrono::steady_clock::now() + 20ms);
  children.cancel();
  co_await children.join();
  co_return out->error();
}
} // namespace

TEST_CASE("obfs4: what one side writes the other reads, through any buffer, in every iat mode") {
  using wire::iat_mode;
  const crossing rows[] = {
      {iat_mode::none, 1, 1},           {iat_mode::none, 5000, 1},          {iat_mode::none, 100000, 100},
      {iat_mode::none, 1 << 20, 1427},  {iat_mode::none, 4 << 20, 1 << 16}, {iat_mode::none, 4 << 20, 1 << 20},
      {iat_mode::enabled, 20000, 4096}, {iat_mode::paranoid, 10000, 4096},
  };
  for (const auto& row : rows) {
    CAPTURE(static_cast<int>(row.iat));
    CAPTURE(row.size);
    CAPTURE(row.room);
    CHECK(fakes::run(cross(row)));
  }
}

TEST_CASE("obfs4 client: what its failures are called") {
  struct row {
    const char* name;
    std::string answer;
    bool end;
    outcome expect;
  };
  const row rows[] = {
      {"closed at once", "", true, outcome::bridge_silent},
      {"closed after some bytes", "HTTP/1.1 400 Bad Request\r\n\r\n", true, outcome::bridge_silent},
      {"8192 other bytes", crypto::random_bytes(8192), false, outcome::bridge_bad_auth},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto failed = fakes::run(meet(row.answer, row.end));
    CHECK(base::name(failed.what) == base::name(row.expect));
    CHECK(failed.at == base::stage::handshake);
  }
  CHECK(base::name(fakes::run(dial_fails()).what) == base::name(outcome::refused));
  CHECK(base::name(fakes::run(cancelled_meanwhile()).what) == base::name(outcome::cancelled));
}

TEST_CASE("obfs4 client: a bridge that says nothing is silent after the handshake's own deadline, not the lane's") {
  const auto failed = fakes::run(silence(70ms));
  CHECK(base::name(failed.what) == base::name(outcome::bridge_silent));
  CHECK(failed.at == base::stage::handshake);
  CHECK(failed.detail == "no answer: not done within 70 ms");
}

TEST_CASE("obfs4 keys: made ahead, never twice, and on the spot when there are none") {
  asio::io_context context;
  const auto keys = ptclient::obfs4_keys::on(context.get_executor(), 4);
  CHECK(keys->ready() == 0);
  const auto first = keys->take();
  context.run();
  CHECK(keys->ready() == 4);
  CHECK(keys->take().representative != first.representative);
  CHECK(keys->take().representative != keys->take().representative);
  CHECK(keys->ready() == 1);
  context.restart();
  context.run();
  CHECK(keys->ready() == 4);
}
