// Lanes in virtual time: what the arithmetic says where nobody interferes, and what each scenario makes of it.
#include "tests/censor/model.hpp"

#include "tests/censor/lane.hpp"
#include "tests/censor/unit/bytes.hpp"

using namespace landfall;
using namespace landfall::censor;
using namespace landfall::censor::testing;
using base::outcome;
using base::stage;

namespace {

constexpr const char* chrome = "t13d1516h2_8daaf6152771_d8a2da3f94cd";

model_route direct() {
  return {.server = at("192.0.2.10", 443), .resolved_name = "blocked.example", .sni = "blocked.example", .ja4 = chrome};
}
model_route other() {
  return {.server = at("192.0.2.11", 443), .sni = "fine.example", .ja4 = "t13d0000h2_000000000000_000000000000"};
}
model_route fronted() {
  auto out = other();
  out.fronted = true;
  return out;
}
model_route resuming() {
  auto out = other();
  out.resumes = true;
  return out;
}
model_route obfs4() { return {.over = model_route::carrier::random, .server = at("192.0.2.12", 4443)}; }

trace one(std::string_view profile, const model_route& route, const model_path& path = {}, std::uint64_t seed = 1) {
  auto made = model(profile, route, path, {.seed = seed});
  REQUIRE(made.has_value());
  return *made;
}

} // namespace

TEST_CASE("where nobody interferes time is round trips: SYN, TLS, request, and slow start from ten segments") {
  auto route = other();
  route.document = 10 * 1400;
  const auto t = one("none", route, {.round_trip = 100ms});
  CHECK(t.outcome == outcome::won);
  REQUIRE(t.steps.size() == 4);
  const stage expected[] = {stage::connect, stage::tls, stage::request, stage::body};
  for (std::size_t n = 0; n < 4; ++n) CHECK(t.steps[n].at == expected[n]);
  CHECK(t.steps[0].after == 100ms);
  CHECK((t.steps[1].after >= 200ms && t.steps[1].after < 205ms));
  CHECK((t.steps[2].after >= 300ms && t.steps[2].after < 310ms));
  CHECK((t.ends >= 300ms && t.ends < 320ms)); // ten segments travel in one flight
  route.document = 70 * 1400;                 // 10 + 20 + 40
  CHECK((one("none", route, {.round_trip = 100ms}).ends - t.ends > 195ms));
  CHECK((one("none", route, {.round_trip = 100ms}).ends - t.ends < 240ms));
  CHECK(t.bytes_down >= route.handshake_down + 14000);
  CHECK(t.connections == 1);
  auto named = other();
  named.resolved_name = "fine.example";
  CHECK(one("none", named, {.round_trip = 100ms}).steps.front().at == stage::resolve);
  CHECK(one("none", named, {.round_trip = 100ms}).ends - one("none", other(), {.round_trip = 100ms}).ends == 100ms);
}

TEST_CASE("every scenario's outcome, stage and time") {
  struct row {
    const char *name, *profile;
    model_route route;
    outcome ends;
    stage at;
    milliseconds from, to;
  };
  const row rows[] = {
      {"S02 blocked", "S02", direct(), outcome::reset_after_hello, stage::tls, 100ms, 200ms},
      {"S02 fronted", "S02", fronted(), outcome::won, stage::none, 200ms, 500ms},
      {"S03", "S03", other(), outcome::refused, stage::connect, 1ms, 60ms},
      {"S05 plaintext", "S05", direct(), outcome::timed_out, stage::connect, 4000ms, 4030ms},
      {"S05 without plaintext", "S05", other(), outcome::won, stage::none, 200ms, 500ms},
      {"TM's DNS", "TM-DNS", direct(), outcome::dns_poisoned, stage::resolve, 1ms, 20ms},
      {"S14", "S14", other(), outcome::stalled_after_bytes, stage::body, 8000ms, 9000ms},
      {"S14 resumed", "S14", resuming(), outcome::won, stage::none, 8000ms, 12000ms},
      {"S16", "S16", direct(), outcome::stalled_after_hello, stage::tls, 5000ms, 5300ms},
      {"S16 another fingerprint", "S16", other(), outcome::won, stage::none, 200ms, 500ms},
      {"S20", "S20", fronted(), outcome::front_refused, stage::request, 150ms, 400ms},
      {"S20 direct", "S20", other(), outcome::won, stage::none, 200ms, 500ms},
      {"S21", "S21", obfs4(), outcome::bridge_silent, stage::handshake, 10000ms, 10200ms},
      {"S26",
       "S26",
       {.server = at("203.0.113.10", 443), .sni = "a"},
       outcome::timed_out,
       stage::connect,
       4000ms,
       4001ms},
      {"S12", "S12", other(), outcome::timed_out, stage::connect, 4000ms, 4001ms},
      {"S11", "S11", other(), outcome::stalled_after_bytes, stage::body, 8000ms, 9000ms},
  };
  for (const auto& row : rows) {
    INFO(std::string(row.name));
    const auto t = one(row.profile, row.route);
    CHECK(base::name(t.outcome) == base::name(row.ends));
    CHECK(base::name(t.at) == base::name(row.at));
    CHECK(t.ends >= row.from);
    CHECK(t.ends <= row.to);
    CHECK_FALSE(t.where.address.empty());
    CHECK(std::ranges::is_sorted(t.steps, {}, &trace::step::after));
  }
}

TEST_CASE("a residual state passes from lane to lane, and ends") {
  auto made = world::make("S02", {.seed = 5});
  REQUIRE(made.has_value());
  auto innocent = direct();
  innocent.sni = "fine.example";
  CHECK(made->run(innocent, {}, 0s).outcome == outcome::won);
  CHECK(made->run(direct(), {}, 1s).outcome == outcome::reset_after_hello);
  CHECK(made->run(innocent, {}, 2s).outcome != outcome::won);
  CHECK(made->run(other(), {}, 2s).outcome == outcome::won);
  CHECK(made->run(innocent, {}, 200s).outcome == outcome::won);
}

TEST_CASE("a lane is its seed; loss costs time and is survived") {
  auto route = other();
  route.resolved_name = "fine.example";
  std::vector<milliseconds> ends;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const auto t = one("none", route, {.round_trip = 150ms, .loss = 0.03}, seed);
    CHECK(t.outcome == outcome::won);
    CHECK(t.ends == one("none", route, {.round_trip = 150ms, .loss = 0.03}, seed).ends);
    ends.push_back(t.ends);
  }
  std::ranges::sort(ends);
  const auto clean = one("none", route, {.round_trip = 150ms}).ends;
  CHECK(ends.front() == clean);
  CHECK(ends[180] > clean + 100ms);
  CHECK(one("none", route, {.loss = 1}).outcome == outcome::timed_out);
}

TEST_CASE("a trace is a lane of the race's simulator") {
  const auto lane = to_lane(one("S02", direct()), "group", 2);
  CHECK(lane.group == "group");
  CHECK(lane.tier == 2);
  CHECK(lane.outcome == outcome::reset_after_hello);
  REQUIRE(lane.steps.size() == 2);
  CHECK(lane.steps[1].at == stage::connect);
  const auto won = to_lane(one("none", other()), {}, 1);
  CHECK((won.outcome == outcome::won && won.list == trust::tier::a && won.adopted));
}
