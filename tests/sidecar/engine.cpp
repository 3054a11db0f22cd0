// The engine without a network: compiled seeds, the wait of a client, its end, a disk that cannot be written.
#include "sidecar/engine.hpp"

#include "net/scope.hpp"
#include "seeds/compiled.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/virtual_clock.hpp"
#include "tests/sidecar/folder.hpp"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <fstream>

using namespace landfall;
using namespace landfall::sidecar;
using namespace std::chrono_literals;

namespace {

/// A port of this machine at which nobody listens.
std::uint16_t closed_port(net::asio::io_context& io) {
  const net::asio::ip::tcp::endpoint loopback(net::asio::ip::address_v4::loopback(), 0);
  return net::asio::ip::tcp::acceptor(io, loopback).local_endpoint().port();
}

/// An engine of network `demo` with the roots and the list of this build, and one route that leads nowhere.
struct demo_engine {
  fakes::folder home;
  net::asio::io_context io{1};
  config::settings settings;
  std::unique_ptr<engine> heart;

  demo_engine() {
    settings.network.id = std::string(seeds::compiled().network);
    settings.network.root = home / "root.dsse.json";
    settings.network.lab = true;
    settings.sidecar.state = home / "state";
    std::ofstream(settings.network.root) << seeds::compiled().roots.front();
    config::route route;
    route.name = "nowhere";
    config::https_target target;
    target.url = config::url::parse(fmt::format("https://127.0.0.1:{}/secret/", closed_port(io))).value();
    route.target = target;
    settings.routes.push_back(route);
  }
  base::result<void> open(bool demo = true) {
    auto made = engine::open(io.get_executor(), settings, base::system_clock(), {.demo = demo});
    if (!made) return made.error();
    heart = std::move(*made);
    return {};
  }
};

net::awaitable<handed_over> ask_while_running(engine& heart, get_peers asked) {
  net::scope work(co_await net::asio::this_coro::executor);
  work.spawn(heart.run());
  auto out = co_await heart.hand_over(asked);
  work.cancel();
  co_await work.join();
  co_return out;
}

net::awaitable<void> stop_soon(engine& heart) {
  heart.stop();
  co_return;
}

net::awaitable<handed_over> ask_then_stop(engine& heart, get_peers asked) {
  net::scope work(co_await net::asio::this_coro::executor);
  work.spawn(stop_soon(heart));
  auto out = co_await heart.hand_over(asked);
  co_await work.join();
  co_return out;
}

} // namespace

TEST_CASE("the demo's network, whose keys are public, is for the demo alone") {
  demo_engine one;
  const auto refused = one.open(false);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().what == base::outcome::wrong_network);
}

TEST_CASE("compiled seeds are handed over at once as tier C, and never end a race") {
  demo_engine one;
  REQUIRE(one.open().has_value());
  get_peers asked;
  asked.min = 1;
  const auto at_once = fakes::run_on(one.io, one.heart->hand_over(asked));
  REQUIRE_FALSE(at_once.chosen.peers.empty());
  for (const auto& peer : at_once.chosen.peers) {
    CHECK(peer.source == peers::source::seed);
    CHECK(peer.tier == trust::tier::c);
  }
  asked.freshness = freshness::valid;
  asked.wait = 1s;
  const auto valid = fakes::run_on(one.io, ask_while_running(*one.heart, asked));
  CHECK(valid.chosen.peers.empty());
  CHECK(one.heart->last_race().number == 1);
  CHECK_FALSE(one.heart->last_race().won.has_value());
  REQUIRE(valid.lanes.size() == 1);
  CHECK(valid.lanes[0].outcome == base::outcome::refused);
  CHECK(valid.lanes[0].stage == base::stage::connect);
  CHECK(one.heart->describe().list->tier == "C");
}

TEST_CASE("a client does not wait for what cannot come") {
  demo_engine one;
  one.settings.routes.clear();
  REQUIRE(one.open().has_value());
  get_peers asked;
  asked.freshness = freshness::fresh;
  asked.wait = max_wait;
  const auto out = fakes::run_on(one.io, ask_while_running(*one.heart, asked));
  CHECK_MESSAGE(out.chosen.peers.empty(), "told at once: without a route there is nothing to wait for");
}

TEST_CASE("a waiting client gets what there is when the engine stops") {
  demo_engine one;
  REQUIRE(one.open().has_value());
  get_peers asked;
  asked.freshness = freshness::fresh;
  asked.wait = max_wait;
  const auto out = fakes::run_on(one.io, ask_then_stop(*one.heart, asked));
  CHECK(out.too_few);
}

TEST_CASE("two engines do not share a state folder") {
  demo_engine one;
  REQUIRE(one.open().has_value());
  const auto second = engine::open(one.io.get_executor(), one.settings, base::system_clock(), {.demo = true});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().what == base::outcome::local_error);
  CHECK(second.error().detail.find("another landfall") != std::string::npos);
}

TEST_CASE("a state folder that cannot be written is a warning, and everything goes on in memory") {
  demo_engine one;
  // A file where the folder's parent should be: nobody, root included, can make a folder below it.
  std::ofstream(one.home / "file") << "x";
  one.settings.sidecar.state = one.home / "file" / "state";
  REQUIRE(one.open().has_value());
  std::vector<std::string> told;
  const event_bus::listening listener(one.heart->events(), [&](const event& e) { told.push_back(e.name); });
  add_peer call;
  call.endpoints.push_back(config::endpoint::parse("tcp://198.51.100.7:443").value());
  REQUIRE(one.heart->add(call).has_value());
  get_peers asked;
  asked.min = 1;
  CHECK_FALSE(fakes::run_on(one.io, one.heart->hand_over(asked)).chosen.peers.empty());
  CHECK(told == std::vector<std::string>{"local_error", "peers_changed"});
  CHECK_FALSE(one.heart->describe().warnings.empty());
}

TEST_CASE("a missing root is a failure of trust, told with its path") {
  demo_engine one;
  std::filesystem::remove(one.settings.network.root);
  const auto refused = one.open();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().what == base::outcome::bad_root);
  CHECK(refused.error().detail.find("root.dsse.json") != std::string::npos);
}

TEST_CASE("routes of kinds that are not built are off and say why") {
  demo_engine one;
  config::route zone;
  zone.name = "zone";
  zone.target = config::dns_target{"peers.example.net", {}};
  one.settings.routes.push_back(zone);
  REQUIRE(one.open().has_value());
  auto routes = one.heart->describe().routes;
  REQUIRE(routes.size() == 2);
  CHECK(routes[0].route.off.empty());
  CHECK(routes[1].route.off.find("dns") != std::string::npos);
}

TEST_CASE("the engine's answers have the shapes that docs/API.md shows") {
  demo_engine one;
  REQUIRE(one.open().has_value());
  const auto answer = [&](api_call call) { return fakes::run_on(one.io, one.heart->answer(std::move(call))); };
  const auto keys = [](const api_answer& from) {
    std::vector<std::string> out;
    const auto parsed = boost::json::parse(from.body);
    for (const auto& member : parsed.as_object()) out.emplace_back(member.key());
    return out;
  };
  using names = std::vector<std::string>;
  get_peers asked;
  asked.min = 1;
  const auto peers = answer(asked);
  CHECK(peers.status == 200);
  CHECK(keys(peers) == names{"peers", "short", "degraded", "provisional", "socks"});
  const auto body = boost::json::parse(peers.body);
  const auto& first = body.at("peers").at(0).as_object();
  names members;
  for (const auto& member : first) members.emplace_back(member.key());
  CHECK(members == names{"id", "endpoints", "roles", "source", "tier", "list_version", "first_seen", "proxy"});
  asked.freshness = freshness::fresh;
  asked.wait = 0s;
  const auto none = answer(asked);
  CHECK(none.status == 503);
  CHECK(keys(none) == names{"error", "message", "hint", "lanes"});
  CHECK(keys(answer(get_explain{})) == names{"race", "won", "lanes", "network", "exposure", "order"});
  CHECK(keys(answer(post_refresh{})) == names{"race"});
  CHECK(answer(post_refresh{}).status == 202);
  CHECK(answer(get_health{}).status == 200);
  CHECK(answer(get_metrics{}).content_type.starts_with("text/plain; version=0.0.4"));
  report_outcome stranger{"~" + std::string(43, 'A'), true, std::nullopt};
  CHECK(answer(stranger).status == 404);
  stranger.id = first.at("id").as_string().c_str();
  CHECK(answer(stranger).status == 204);
}

TEST_CASE("a clock in 2015 is told, and the list's tier does not suffer from it") {
  demo_engine one;
  one.settings.routes.clear();
  const fakes::fixed_wall clock(1'440'000'000); // 2015-08-19
  auto made = engine::open(one.io.get_executor(), one.settings, clock, {.demo = true});
  REQUIRE(made.has_value());
  auto& heart = **made;
  int told = 0;
  const event_bus::listening listener(heart.events(),
                                      [&](const event& e) { told += e.name == "clock_behind" ? 1 : 0; });
  get_peers asked;
  asked.min = 32;
  CHECK_FALSE(fakes::run_on(one.io, ask_while_running(heart, asked)).chosen.peers.empty());
  CHECK(told == 1);
  const auto warnings = heart.describe().warnings;
  CHECK(std::any_of(warnings.begin(), warnings.end(), [](const auto& w) { return w.starts_with("clock_behind"); }));
}
