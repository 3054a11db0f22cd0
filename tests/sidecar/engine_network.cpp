// The engine on a network that comes, goes and changes under it, and on a machine that sleeps.
#include "net/scope.hpp"
#include "seeds/compiled.hpp"
#include "sidecar/engine.hpp"
#include "tests/fakes/network.hpp"
#include "tests/fakes/run.hpp"
#include "tests/sidecar/folder.hpp"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <fstream>

using namespace landfall;
using namespace landfall::sidecar;
using namespace std::chrono_literals;

namespace {

using tcp = net::asio::ip::tcp;

/// An engine outside of any lab, whose one route leads to a server that accepts and is silent.
struct machine {
  fakes::folder home;
  net::asio::io_context io{1};
  tcp::acceptor silent{io, tcp::endpoint(net::asio::ip::address_v4::loopback(), 0)};
  fakes::moved_network network;
  config::settings settings;
  std::unique_ptr<engine> heart;
  std::vector<std::string> told;
  std::function<void(const event&)> on_event;
  std::optional<event_bus::listening> listener;

  explicit machine(net::network_state at, std::string bridge = {}) : network(io.get_executor(), std::move(at)) {
    settings.network.id = std::string(seeds::compiled().network);
    settings.network.root = home / "root.dsse.json";
    settings.sidecar.state = home / "state";
    std::ofstream(settings.network.root) << seeds::compiled().roots.front();
    config::route route;
    route.name = "silent";
    config::https_target target;
    target.url =
        config::url::parse(fmt::format("https://127.0.0.1:{}/secret/", silent.local_endpoint().port())).value();
    route.target = target;
    settings.routes.push_back(route);
    if (!bridge.empty()) settings.bridges.push_back({base::sensitive(std::move(bridge)), "landfall"});
    auto made = engine::open(io.get_executor(), settings, base::system_clock(), {.demo = true, .network = &network});
    REQUIRE(made.has_value());
    heart = std::move(*made);
    listener.emplace(heart->events(), [this](const event& e) {
      told.push_back(e.name);
      if (on_event) on_event(e);
    });
  }
  [[nodiscard]] std::ptrdiff_t count(std::string_view name) const { return std::count(told.begin(), told.end(), name); }
  [[nodiscard]] boost::json::object explain() {
    const auto answer = fakes::run_on(io, heart->answer(get_explain{}));
    return boost::json::parse(answer.body).as_object();
  }
};

/// Runs the engine until `enough`, which is asked at every event.
net::awaitable<bool> run_until(machine& here, std::function<bool(const event&)> enough) {
  net::scope work(co_await net::asio::this_coro::executor);
  bool reached = false;
  here.on_event = [&](const event& e) {
    if (reached || !enough(e)) return;
    reached = true;
    work.poke();
  };
  work.spawn(here.heart->run());
  const auto patience = std::chrono::steady_clock::now() + fakes::patience / 2;
  while (!reached && std::chrono::steady_clock::now() < patience) co_await work.wait(patience);
  work.cancel();
  co_await work.join();
  here.on_event = nullptr;
  co_return reached;
}

bool run(machine& here, std::function<bool(const event&)> enough) {
  return fakes::run_on(here.io, run_until(here, std::move(enough)));
}

} // namespace

TEST_CASE("without a network nothing is raced; with one it is, at once") {
  machine here(fakes::no_network());
  CHECK(here.explain().at("network").at("offline").as_bool());
  REQUIRE_FALSE(here.heart->describe().warnings.empty());
  net::asio::steady_timer later(here.io, 30ms);
  later.async_wait([&](auto) {
    CHECK(here.count("race_started") == 0);
    here.network.move_to(fakes::network_with("192.0.2.1"));
  });
  CHECK(run(here, [](const event& e) { return e.name == "lane_started"; }));
  CHECK(here.told.front() == "network_changed");
  CHECK(here.count("online") == 1);
  CHECK(here.count("race_started") == 1);
  CHECK_FALSE(here.explain().at("network").at("offline").as_bool());
}

TEST_CASE("another network in the middle of a race: the race is cut and run anew, and nobody is penalised") {
  machine here(fakes::network_with("192.0.2.1"));
  CHECK(run(here, [&](const event& e) {
    if (e.name == "lane_progress" && here.count("race_started") == 1)
      here.network.move_to(fakes::network_with("198.51.100.1"));
    return e.name == "race_started" && here.count("race_started") == 2;
  }));
  CHECK(here.count("network_changed") == 1);
  CHECK(here.count("race_ended") >= 1);
  const auto order = here.explain().at("order").as_array();
  REQUIRE(order.size() == 1);
  CHECK(order[0].at("waits").is_null());
  CHECK(order[0].at("last").is_null());
}

TEST_CASE("the machine slept in the middle of a race: it begins anew") {
  machine here(fakes::network_with("192.0.2.1"));
  CHECK(run(here, [&](const event& e) {
    if (e.name == "lane_progress") here.network.asleep = 1h;
    return e.name == "race_started" && here.count("race_started") == 2;
  }));
  CHECK(here.count("network_changed") == 0);
  CHECK(here.count("race_ended") >= 1);
}

TEST_CASE("a peer that the VPN did not reach is the proxy's to reach, until the network is another one") {
  machine here(fakes::network_with("192.0.2.1"), "obfs4 192.0.2.10:4443 cert=" + std::string(70, 'A') + " iat-mode=0");
  const auto tunnels = here.heart->tunnels(); // as for the local proxy
  const auto id = here.heart->add({{config::endpoint::parse("tcp://192.0.2.7:443").value()}, {}}).value();
  const auto by_proxy = [&] { return fakes::run_on(here.io, here.heart->hand_over({.min = 1})).by_proxy.contains(id); };
  CHECK_FALSE(by_proxy());
  CHECK(fakes::run_on(here.io, here.heart->answer(report_outcome{id, false, {}})).status == 204);
  CHECK(by_proxy());
  CHECK(run(here, [&](const event& e) {
    if (e.name == "lane_progress" && here.count("race_started") == 1)
      here.network.move_to(fakes::network_with("198.51.100.1"));
    return e.name == "race_started" && here.count("race_started") == 2;
  }));
  CHECK_FALSE(by_proxy());
}

TEST_CASE("a change that changes nothing is none") {
  machine here(fakes::network_with("192.0.2.1"));
  CHECK(run(here, [&](const event& e) {
    if (e.name == "lane_progress") here.network.move_to(fakes::network_with("192.0.2.1"));
    return e.name == "lane_ended";
  }));
  CHECK(here.count("race_started") == 1);
  CHECK(here.count("network_changed") == 0);
}

TEST_CASE("/v1/explain has the keys that docs/API.md shows") {
  machine here(fakes::network_with("192.0.2.1"));
  const auto names = [](const boost::json::object& of) {
    std::string out;
    for (const auto& member : of) out += (out.empty() ? "" : " ") + std::string(member.key());
    return out;
  };
  const auto body = here.explain();
  CHECK(names(body) == "race won lanes network exposure order");
  CHECK(names(body.at("network").as_object()) == "known offline captive_portal");
  const auto& first = body.at("order").at(0).as_object();
  CHECK(names(first) == "route kind why because conspicuous waits last odds");
  CHECK(names(first.at("odds").as_object()) == "wins failures median_ms spread_ms");
  CHECK(first.at("why") == "configured");
}
