// Which tunnel is taken, what replaces one that fails, and the bridge's CONNECT against Debian's tinyproxy.
#include "sidecar/tunnel.hpp"

#include "net/deadline.hpp"
#include "net/socket.hpp"
#include "sidecar/socks_gate.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using net::asio::awaitable;
using sidecar::tunnel;
using sidecar::tunnel_memory;
using tcp = net::asio::ip::tcp;
using local_socket = net::asio::local::stream_protocol::socket;
using names = std::vector<std::string>;

namespace {

const fallback::network_id home{{1}}, cafe{{2}};

wire::socks_destination place(std::string_view host, std::uint16_t port) {
  return wire::socks_destination::parse(host, port).value();
}

struct fake_clock final : base::clock {
  base::steady_time now = base::steady_time(1000h);
  [[nodiscard]] base::unix_time wall() const override { return 1'800'000'000; }
  [[nodiscard]] base::steady_time steady() const override { return now; }
};

/// What a fake tunnel does, and how often it was asked.
struct script {
  std::string name;
  bool takes_names = false;
  std::optional<outcome> fails{};
  int asked = 0;
  std::optional<local_socket> far{}; ///< the other end of what was opened last
};

awaitable<net::result<net::stream_ptr>> act(script& what) {
  ++what.asked;
  if (what.fails) co_return base::fail(*what.fails, {}, base::stage::connect);
  const auto executor = co_await net::asio::this_coro::executor;
  local_socket ours(executor), theirs(executor);
  net::asio::local::connect_pair(ours, theirs);
  what.far.emplace(std::move(theirs));
  co_return net::as_stream(std::move(ours));
}

tunnel fake(script& what) {
  return {what.name, what.takes_names, 1000ms, [&what](sidecar::tunnel_request) { return act(what); }};
}

/// The outcome of one connection: won, or why not.
awaitable<outcome> connect(sidecar::tunnel_set& set, wire::socks_destination to) {
  sidecar::tunnel_request asked(std::move(to), {});
  const auto got = co_await set.open(std::move(asked));
  co_return got ? outcome::won : got.error().what;
}

/// tinyproxy, where a bridge's far end has its own.
struct far_end {
  fakes::scratch folder;
  std::uint16_t port = fakes::free_port();
  fakes::process program{{"tinyproxy", "-d", "-c",
                          folder.put("conf", fmt::format("Port {}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\n"
                                                         "MaxClients 10\n",
                                                         port))},
                         (folder.path() / "log").string()};
  far_end() { program.wait_for_port(port); }
};

awaitable<net::result<net::stream_ptr>> open_to(std::uint16_t port) {
  const tcp::endpoint at(net::asio::ip::address_v4::loopback(), port);
  const net::socket_options plain;
  auto socket = co_await net::dial(at, plain);
  if (!socket) co_return socket.error();
  co_return net::as_stream(std::move(*socket));
}

/// Through the bridge tunnel to a server that speaks first.
awaitable<net::result<std::string>> greeted_behind(std::uint16_t bridge, std::string host) {
  const auto executor = co_await net::asio::this_coro::executor;
  tcp::acceptor relay(executor, {net::asio::ip::address_v4::loopback(), 0});
  const auto behind = sidecar::bridge_tunnel("bridge-1", [bridge] { return open_to(bridge); });
  sidecar::tunnel_request asked(place(host, relay.local_endpoint().port()), {});
  auto open = co_await behind.open(std::move(asked));
  if (!open) co_return open.error();
  tcp::socket server(executor);
  (void)co_await relay.async_accept(server, net::as_result);
  const std::string greeting = "SSH-2.0-relay";
  const auto out = net::asio::buffer(greeting);
  (void)co_await net::asio::async_write(server, out, net::as_result);
  std::string heard(64, '\0');
  const auto into = net::asio::buffer(heard);
  const auto got = co_await (*open)->read_some(into);
  if (!got) co_return got.error();
  heard.resize(*got);
  co_return heard;
}

} // namespace

TEST_CASE("the order of tunnels, as a network taught it") {
  const base::steady_time start(1000h);
  struct event {
    std::chrono::seconds at;
    names failed;
    std::optional<std::string> good;
  };
  struct {
    const char* name;
    std::vector<event> before;
    std::chrono::seconds now;
    names order;
  } const table[] = {
      {"nothing known: as configured", {}, 0s, {"direct", "bridge-1", "tor"}},
      {"the last good one first", {{0s, {}, "bridge-1"}}, 1s, {"bridge-1", "direct", "tor"}},
      {"of two the later one", {{0s, {}, "tor"}, {1s, {}, "bridge-1"}}, 2s, {"bridge-1", "tor", "direct"}},
      {"for half an hour", {{0s, {}, "tor"}}, 1799s, {"tor", "direct", "bridge-1"}},
      {"and no longer", {{0s, {}, "tor"}}, 1800s, {"direct", "bridge-1", "tor"}},
      {"what failed where another worked comes last", {{0s, {"direct"}, "tor"}}, 1s, {"tor", "bridge-1", "direct"}},
      {"for its time", {{0s, {"direct"}, "tor"}}, 180s, {"tor", "direct", "bridge-1"}},
      {"what failed and then worked", {{0s, {"direct"}, "tor"}, {1s, {}, "direct"}}, 2s, {"direct", "tor", "bridge-1"}},
      {"what worked and then failed", {{0s, {}, "direct"}, {1s, {"direct"}, "tor"}}, 2s, {"tor", "bridge-1", "direct"}},
      {"a peer that nobody reaches is nobody's fault",
       {{0s, {"direct", "bridge-1", "tor"}, {}}},
       1s,
       {"direct", "bridge-1", "tor"}},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    tunnel_memory memory;
    for (const auto& e : row.before) memory.record(home, {e.failed, e.good}, start + e.at);
    CHECK(memory.order(home, {"direct", "bridge-1", "tor"}, start + row.now) == row.order);
    CHECK(memory.order(cafe, {"direct", "bridge-1", "tor"}, start + row.now) == names{"direct", "bridge-1", "tor"});
  }
}

TEST_CASE("no more networks are remembered than the most") {
  tunnel_memory memory;
  const base::steady_time start(1000h);
  for (std::size_t i = 0; i <= tunnel_memory::max_networks; ++i)
    memory.record(fallback::network_id{{static_cast<std::uint8_t>(i)}}, {{}, "tor"}, start);
  CHECK(memory.order(fallback::network_id{{0}}, {"direct", "tor"}, start) == names{"direct", "tor"});
  const fallback::network_id last{{static_cast<std::uint8_t>(tunnel_memory::max_networks)}};
  CHECK(memory.order(last, {"direct", "tor"}, start) == names{"tor", "direct"});
}

TEST_CASE("a tunnel that fails is replaced before the answer, and for the next connection") {
  fake_clock clock;
  script direct{"direct"}, bridge{"bridge-1", true};
  direct.fails = outcome::timed_out;
  sidecar::tunnel_set set({fake(direct), fake(bridge)}, [] { return home; }, clock);
  CHECK(fakes::run(connect(set, place("192.0.2.7", 443))) == outcome::won);
  CHECK(direct.asked == 1);
  CHECK(fakes::run(connect(set, place("192.0.2.8", 443))) == outcome::won);
  CHECK(direct.asked == 1); // not even tried
  CHECK(bridge.asked == 2);
  clock.now += 31min;
  direct.fails.reset();
  CHECK(fakes::run(connect(set, place("192.0.2.7", 443))) == outcome::won);
  CHECK(direct.asked == 2);
  CHECK(set.counts().at("direct").failed == 1);
  CHECK(set.counts().at("direct").opened == 1);
  CHECK(set.counts().at("bridge-1").opened == 2);
}

TEST_CASE("where every tunnel fails the last one's reason is told") {
  fake_clock clock;
  script direct{"direct"}, bridge{"bridge-1", true};
  direct.fails = outcome::refused;
  bridge.fails = outcome::unreachable;
  sidecar::tunnel_set set({fake(direct), fake(bridge)}, [] { return home; }, clock);
  CHECK(fakes::run(connect(set, place("192.0.2.7", 443))) == outcome::unreachable);
}

TEST_CASE("a name takes no tunnel that would have to look it up here") {
  fake_clock clock;
  script direct{"direct"}, bridge{"bridge-1", true};
  sidecar::tunnel_set both({fake(direct), fake(bridge)}, [] { return home; }, clock);
  const auto name = place("relay.example.org", 443);
  CHECK(both.takes(name));
  CHECK(fakes::run(connect(both, name)) == outcome::won);
  CHECK(direct.asked == 0);
  sidecar::tunnel_set alone({fake(direct)}, [] { return home; }, clock);
  CHECK_FALSE(alone.takes(name));
  CHECK(alone.takes(place("192.0.2.7", 443)));
  CHECK(fakes::run(connect(alone, name)) == outcome::unreachable);
  CHECK(direct.asked == 0);
}

TEST_CASE("a bridge leads to the relay behind it: Debian's tinyproxy") {
  const far_end bridge;
  const auto by_address = fakes::run(greeted_behind(bridge.port, "127.0.0.1"));
  REQUIRE(by_address.has_value());
  CHECK(*by_address == "SSH-2.0-relay");
  const auto by_name = fakes::run(greeted_behind(bridge.port, "localhost"));
  REQUIRE(by_name.has_value());
  CHECK(*by_name == "SSH-2.0-relay");
}

TEST_CASE("a bridge whose far end is no proxy, and one that is not there") {
  const auto nobody = fakes::run(greeted_behind(fakes::free_port(), "127.0.0.1"));
  REQUIRE(nobody.has_error());
  CHECK(nobody.error().what == outcome::refused);
  const auto port = fakes::free_port();
  fakes::process socks({"microsocks", "-i", "127.0.0.1", "-p", std::to_string(port)});
  socks.wait_for_port(port);
  const auto other = fakes::run(greeted_behind(port, "127.0.0.1"));
  REQUIRE(other.has_error());
  CHECK(other.error().at == base::stage::proxy);
}

TEST_CASE("the local proxy leads to TCP endpoints of peers and nowhere else") {
  const auto at = [](const char* text) { return config::endpoint::parse(text).value(); };
  const sidecar::socks_gate gate({at("tcp://192.0.2.7:443"), at("tcp://[2001:db8::1]:9001"), at("udp://192.0.2.9:53")});
  struct {
    const char* name;
    wire::socks_destination to;
    bool allowed;
  } const table[] = {
      {"a peer", place("192.0.2.7", 443), true},
      {"a peer, IPv6", place("2001:db8::1", 9001), true},
      {"a peer, its address as IPv6", place("::ffff:192.0.2.7", 443), true},
      {"another port of it", place("192.0.2.7", 22), false},
      {"another address", place("192.0.2.8", 443), false},
      {"a UDP endpoint", place("192.0.2.9", 53), false},
      {"loopback", place("127.0.0.1", 443), false},
      {"a name", place("relay.example.org", 443), false},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    CHECK(gate.allows(row.to) == row.allowed);
  }
  CHECK_FALSE(sidecar::socks_gate().allows(place("192.0.2.7", 443)));
}
