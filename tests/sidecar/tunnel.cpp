// Which tunnel is taken, what replaces one that fails, and the bridge's CONNECT against Debian's tinyproxy.
#include "sidecar/tunnel.hpp"

#include "base/file.hpp"
#include "net/deadline.hpp"
#include "net/socket.hpp"
#include "sidecar/socks_gate.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/virtual_clock.hpp"
#include "tests/sidecar/folder.hpp"

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

constexpr base::unix_time start = 1'800'000'000;

/// A set whose network is home, and what it has noted.
struct tunnels {
  fakes::virtual_clock clock{start};
  tunnel_memory memory;
  int noted = 0;
  sidecar::tunnel_set set;
  explicit tunnels(std::vector<tunnel> all)
      : set(std::move(all), [] { return home; }, memory, [this] { ++noted; }, clock) {}
};

/// What a fake tunnel does, and how often it was asked.
struct script {
  std::string name;
  bool takes_names = false;
  std::optional<outcome> fails{};
  int asked = 0;
};

awaitable<net::result<net::stream_ptr>> act(script& what) {
  ++what.asked;
  if (what.fails) co_return base::fail(*what.fails, {}, base::stage::connect);
  const auto executor = co_await net::asio::this_coro::executor;
  local_socket ours(executor), theirs(executor);
  net::asio::local::connect_pair(ours, theirs);
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
    for (const auto& e : row.before) memory.record(home, {e.failed, e.good}, start + e.at.count());
    CHECK(memory.order(home, {"direct", "bridge-1", "tor"}, start + row.now.count()) == row.order);
    CHECK(memory.order(cafe, {"direct", "bridge-1", "tor"}, start + row.now.count()) ==
          names{"direct", "bridge-1", "tor"});
  }
}

TEST_CASE("no more is remembered than the most; then the oldest goes") {
  tunnel_memory memory;
  const auto network = [](std::size_t i) {
    return fallback::network_id{{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8)}};
  };
  for (std::size_t i = 0; i <= tunnel_memory::max_remembered; ++i)
    memory.record(network(i), {{}, "tor"}, start + static_cast<base::unix_time>(i));
  const auto now = start + static_cast<base::unix_time>(tunnel_memory::max_remembered);
  CHECK(memory.order(network(0), {"direct", "tor"}, now) == names{"direct", "tor"});
  CHECK(memory.order(network(1), {"direct", "tor"}, now) == names{"tor", "direct"});
  CHECK(memory.order(network(tunnel_memory::max_remembered), {"direct", "tor"}, now) == names{"tor", "direct"});
}

TEST_CASE("what is learnt again within a minute is not written again") {
  tunnel_memory memory;
  CHECK_FALSE(memory.record(home, {{"direct"}, {}}, start));
  CHECK(memory.record(home, {{"direct"}, "tor"}, start));
  CHECK_FALSE(memory.record(home, {{"direct"}, "tor"}, start + 59));
  CHECK(memory.record(home, {{}, "tor"}, start + 60));
  CHECK(memory.record(home, {{"tor"}, "direct"}, start + 61));
}

TEST_CASE("the memory of tunnels comes back from its file, and names nothing in it") {
  fakes::folder folder;
  tunnel_memory memory;
  memory.record(home, {{"direct"}, "bridge-1"}, start);
  memory.record(cafe, {{}, "tor"}, start - 1700);
  REQUIRE(memory.save(folder.path(), start).has_value());
  const auto text = base::read_file(folder.path() / "tunnels.json", tunnel_memory::max_text).value();
  for (const char* name : {"direct", "bridge", "tor\"", "0100000000"}) CHECK(text.find(name) == text.npos);
  const names configured{"direct", "bridge-1", "tor"};
  struct {
    const char* name;
    base::unix_time after;
    names home, cafe;
  } const table[] = {
      {"at once", 0, {"bridge-1", "tor", "direct"}, {"tor", "direct", "bridge-1"}},
      {"the failure is over", 180, {"bridge-1", "direct", "tor"}, configured},
      {"half an hour later", 1800, configured, configured},
      {"the clock was set back", -3600, configured, configured},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    names complaints;
    const auto again = tunnel_memory::load(folder.path(), start + row.after, complaints);
    CHECK(complaints.empty());
    CHECK(again.order(home, configured, start + row.after) == row.home);
    CHECK(again.order(cafe, configured, start + row.after) == row.cafe);
  }
}

TEST_CASE("a damaged memory of tunnels is set aside") {
  const std::string key(32, 'a');
  struct {
    const char* name;
    std::string text;
    bool good;
  } const table[] = {
      {"nothing in it", R"({"spec":1,"tunnels":{}})", true},
      {"one", fmt::format(R"({{"spec":1,"tunnels":{{"{}":{{"good":true,"at":1}}}}}})", key), true},
      {"half a text", R"({"spec":1,"tun)", false},
      {"another version", R"({"spec":2,"tunnels":{}})", false},
      {"no object", "[]", false},
      {"no tunnels", R"({"spec":1})", false},
      {"a name as key", R"({"spec":1,"tunnels":{"tor":{"good":true,"at":1}}})", false},
      {"no time", fmt::format(R"({{"spec":1,"tunnels":{{"{}":{{"good":true}}}}}})", key), false},
      {"before time", fmt::format(R"({{"spec":1,"tunnels":{{"{}":{{"good":true,"at":-1}}}}}})", key), false},
      {"too long", std::string(tunnel_memory::max_text + 1, ' '), false},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    fakes::folder folder;
    const auto file = folder.path() / "tunnels.json";
    REQUIRE(base::write_file(file, row.text).has_value());
    names complaints;
    (void)tunnel_memory::load(folder.path(), start, complaints);
    CHECK(complaints.empty() == row.good);
    CHECK(std::filesystem::exists(file) == row.good);
    CHECK(std::filesystem::exists(file.string() + ".damaged") != row.good);
  }
}

TEST_CASE("a tunnel that fails is replaced before the answer, and for the next connection") {
  script direct{"direct"}, bridge{"bridge-1", true};
  direct.fails = outcome::timed_out;
  tunnels all({fake(direct), fake(bridge)});
  auto& set = all.set;
  CHECK(fakes::run(connect(set, place("192.0.2.7", 443))) == outcome::won);
  CHECK(direct.asked == 1);
  CHECK(fakes::run(connect(set, place("192.0.2.8", 443))) == outcome::won);
  CHECK(direct.asked == 1); // not even tried
  CHECK(bridge.asked == 2);
  CHECK(all.noted == 1);
  all.clock.advance(31min);
  direct.fails.reset();
  CHECK(fakes::run(connect(set, place("192.0.2.7", 443))) == outcome::won);
  CHECK(direct.asked == 2);
  CHECK(set.counts().at("direct").failed == 1);
  CHECK(set.counts().at("direct").opened == 1);
  CHECK(set.counts().at("bridge-1").opened == 2);
}

TEST_CASE("where every tunnel fails the last one's reason is told") {
  script direct{"direct"}, bridge{"bridge-1", true};
  direct.fails = outcome::refused;
  bridge.fails = outcome::unreachable;
  tunnels all({fake(direct), fake(bridge)});
  CHECK(fakes::run(connect(all.set, place("192.0.2.7", 443))) == outcome::unreachable);
  CHECK(all.noted == 0);
}

TEST_CASE("a name takes no tunnel that would have to look it up here") {
  script direct{"direct"}, bridge{"bridge-1", true};
  tunnels together({fake(direct), fake(bridge)}), single({fake(direct)});
  auto &both = together.set, &alone = single.set;
  const auto name = place("relay.example.org", 443);
  CHECK(both.takes(name));
  CHECK(fakes::run(connect(both, name)) == outcome::won);
  CHECK(direct.asked == 0);
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
