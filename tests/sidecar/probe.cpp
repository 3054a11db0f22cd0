// What a probe decides and says: when each route starts, what its failure looks like, whom its look-ups tell.
#include "sidecar/probe_output.hpp"

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <map>
#include <set>

using namespace landfall;
using namespace landfall::sidecar;
using namespace std::chrono_literals;
using base::outcome;
using base::stage;

namespace {

fallback::entrant entrant(std::string group, bool conspicuous = false) {
  fallback::entrant out;
  out.group = std::move(group);
  out.conspicuous = conspicuous;
  return out;
}

/// Runs a plan in virtual time; every lane lasts a second. When each started, and the most that ran at once.
struct played {
  std::map<std::size_t, std::chrono::milliseconds> starts;
  std::size_t most = 0, most_of_group = 0;
};

played play(const std::vector<fallback::entrant>& entrants, config::fallback_settings settings) {
  probe_plan plan(entrants, settings);
  played out;
  base::steady_time now{};
  std::map<std::size_t, base::steady_time> ends;
  for (;;) {
    const auto action = plan.next(now);
    if (std::holds_alternative<net::finish>(action)) return out;
    if (const auto* start = std::get_if<net::start_lane>(&action)) {
      REQUIRE_FALSE(out.starts.contains(start->lane));
      out.starts[start->lane] = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
      ends[start->lane] = now + 1s;
      out.most = std::max(out.most, ends.size());
      std::map<std::string, std::size_t> groups;
      for (const auto& [lane, end] : ends)
        out.most_of_group = std::max(out.most_of_group, ++groups[entrants[lane].group]);
      continue;
    }
    auto until = std::get<net::wait_until>(action).when;
    std::size_t first = entrants.size();
    for (const auto& [lane, end] : ends)
      if (end <= until) until = end, first = lane;
    REQUIRE_MESSAGE(until != base::steady_time::max(), "the plan waits for nothing");
    now = until;
    if (first == entrants.size()) continue;
    ends.erase(first);
    plan.ended(first, {}, now);
  }
}

config::fallback_settings settings(config::exposure exposure = config::exposure::balanced) {
  config::fallback_settings out;
  out.attempt_delay = 250ms;
  out.max_lanes = 4;
  out.max_lanes_per_group = 2;
  out.exposure = exposure;
  return out;
}

std::vector<std::pair<std::size_t, std::chrono::milliseconds>> in_order(const played& of) {
  return {of.starts.begin(), of.starts.end()};
}

} // namespace

TEST_CASE("every route starts once, a moment apart, within the caps of a race") {
  const std::vector<fallback::entrant> ten(10, entrant("one host"));
  const auto grouped = play(ten, settings());
  CHECK(grouped.starts.size() == 10);
  CHECK(grouped.most_of_group == 2);
  std::vector<fallback::entrant> apart;
  for (int i = 0; i < 10; ++i) apart.push_back(entrant(fmt::format("host {}", i)));
  auto quick = settings();
  quick.attempt_delay = 1ms;
  CHECK(play(apart, quick).most == 4);
  CHECK(play({}, settings()).starts.empty());
  const std::vector<std::pair<std::size_t, std::chrono::milliseconds>> expected{{0, 0ms}, {1, 250ms}, {2, 500ms}};
  CHECK(in_order(play({entrant("a"), entrant("b"), entrant("c")}, settings())) == expected);
  CHECK_MESSAGE(play(std::vector<fallback::entrant>(10, entrant("")), quick).most == 4, "no group is none");
}

TEST_CASE("what stands out: beside quiet ones, but under 'quiet' after all of them") {
  const std::vector<fallback::entrant> routes{entrant("a", true), entrant("b"), entrant("c")};
  CHECK(play(routes, settings()).starts.at(0) == 0ms);
  const auto quiet = play(routes, settings(config::exposure::quiet));
  CHECK(quiet.starts.at(0) == 1250ms); // the second of the quiet ones has ended then
  fallback::ranked one;
  one.as.conspicuous = true;
  CHECK(why_left_out(one, config::exposure::balanced, false).empty());
  CHECK(why_left_out(one, config::exposure::quiet, false).find("--all") != std::string::npos);
  CHECK(why_left_out(one, config::exposure::quiet, true).empty());
  one.why = fallback::standing::left_out;
  CHECK_FALSE(why_left_out(one, config::exposure::quiet, true).empty());
}

TEST_CASE("every failure looks like something, and no success does") {
  for (int i = 0; i < base::outcome_count; ++i) {
    const auto what = static_cast<outcome>(i);
    CAPTURE(std::string(base::name(what)));
    const bool fine = fallback::is_success(what) || what == outcome::cancelled;
    CHECK(looks_like(what, stage::none).empty() == fine);
  }
  CHECK(looks_like(outcome::timed_out, stage::connect) == "address dropped");
  CHECK(looks_like(outcome::timed_out, stage::request) == "too slow");
  CHECK(looks_like(outcome::unreachable, stage::resolve) == "no such name");
}

TEST_CASE("whom the look-ups of a route tell") {
  struct row {
    const char* name;
    const char *url, *front, *address, *proxy;
    look_up expected;
  };
  const row rows[] = {
      {"an address", "https://198.51.100.1/p/", nullptr, nullptr, "", look_up::none},
      {"a name of this machine", "https://a.localhost/p/", nullptr, nullptr, "", look_up::none},
      {"a direct host", "https://a.example.net/p/", nullptr, nullptr, "", look_up::over_https},
      {"through a proxy", "https://a.example.net/p/", nullptr, nullptr, "socks5://127.0.0.1:1", look_up::by_proxy},
      {"a front", "https://h.example.net/p/", "cdn.example.com", nullptr, "", look_up::plaintext},
      {"a front whose address is known", "https://h.example.net/p/", "cdn.example.com", "203.0.113.7", "",
       look_up::none}};
  for (const auto& row : rows) {
    CAPTURE(std::string(row.name));
    config::settings settings;
    settings.sidecar.upstream_proxy = base::sensitive(std::string(row.proxy));
    config::route route;
    const auto url = config::url::parse(row.url).value();
    config::front front;
    if (row.front) front.name = row.front;
    if (row.address) front.address = row.address;
    if (row.front)
      route.target = config::fronted_target{url, {front}, {}};
    else
      route.target = config::https_target{url, {}};
    CHECK(look_up_of(route, settings) == row.expected);
  }
}

namespace {

probe_result example() {
  probe_result out;
  out.network = "net";
  out.on_copy = true;
  probed good, reset, waits, off;
  good.route = "good";
  good.kind = reset.kind = "https";
  good.ended.emplace();
  good.ended->outcome = outcome::won;
  good.ended->stage = stage::verify;
  good.ended->elapsed = 640ms;
  good.connections = 1;
  good.received = 17000;
  good.shown = {"t13d_a_b", true, look_up::over_https};
  reset.route = "reset";
  reset.ended.emplace();
  reset.ended->outcome = outcome::reset_after_hello;
  reset.ended->stage = stage::tls;
  waits.route = "waits";
  waits.kind = "fronted";
  waits.waits = fallback::wait{1795132860, outcome::stalled_after_hello, base::penalty_scope::address};
  off.route = "off";
  off.kind = "dht";
  off.skipped = "off: not built";
  out.routes = {good, reset, waits, off};
  return out;
}

} // namespace

TEST_CASE("findings for people say the class, what it looks like, and what to do") {
  std::string all;
  for (const auto& line : probe_lines(example())) all += line + "\n";
  for (const auto* text :
       {"good   https    won                verify  640 ms  17000  -\n",
        "reset  https    reset_after_hello  tls     0 ms    -      name or fingerprint reset\n",
        "waits  fronted  penalised", "penalised until 2026-11-20", "  off    off: not built\n",
        "the name is filtered; fronted routes and bridges help", "good   t13d_a_b                own         https\n",
        "1 of 4 routes brought an authentic list\n", "a sidecar is running"}) {
    CAPTURE(all);
    CHECK_MESSAGE(all.find(text) != std::string::npos, text);
  }
}

TEST_CASE("findings for programs have every key for every route") {
  const auto found = to_json(example());
  const std::set<std::string_view> expected{"network",   "exposure", "verdict", "network_changed", "kept",
                                            "authentic", "list",     "routes",  "warnings"};
  std::set<std::string_view> keys;
  for (const auto& member : found) keys.insert(member.key());
  CHECK(keys == expected);
  CHECK(found.at("authentic") == 1);
  CHECK(found.at("kept") == false);
  for (const auto& route : found.at("routes").as_array()) {
    std::set<std::string_view> of_route;
    for (const auto& member : route.as_object()) of_route.insert(member.key());
    CHECK(of_route == std::set<std::string_view>{"route", "kind", "outcome", "stage", "ms", "bytes", "connections",
                                                 "looks_like", "error", "explain", "hint", "skipped", "penalised_until",
                                                 "observer"});
  }
  const auto& routes = found.at("routes").as_array();
  CHECK(routes[0].at("bytes") == 17000);
  CHECK(routes[0].at("looks_like").is_null());
  CHECK(routes[1].at("looks_like") == "name or fingerprint reset");
  CHECK(routes[2].at("penalised_until") == 1795132860);
  CHECK(routes[2].at("outcome").is_null());
  CHECK(routes[3].at("skipped") == "off: not built");
}
