// What the race bench counts, and how those race whom it compares with: in virtual time, over lanes made by hand.
#include "bench/race_story.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace landfall::bench;
using namespace std::chrono_literals;
using base::outcome;

namespace {

lane_course lasting(milliseconds ends, outcome how) {
  lane_course out;
  out.ends = ends;
  out.outcome = how;
  out.legs = {{0ms, ends, {"192.0.2.1", 443, {}}, "a.example", 1000, {0ms, 800ms}, how}};
  return out;
}

struct started {
  std::size_t lane;
  milliseconds at;
  bool cut_off;
  friend bool operator==(const started&, const started&) = default;
};

struct raced {
  std::vector<started> starts;
  race_log log;
};

raced race(const std::vector<lane_course>& lanes, std::vector<int> tiers, const rival& how) {
  rival_plan plan(std::move(tiers), how);
  const auto course = [&](std::size_t lane, nanoseconds) { return lanes[lane]; };
  const auto report = [](std::size_t, const lane_course& one) { return report_of({"x", "https"}, one); };
  raced out{{}, run_race(plan, course, report, {})};
  CHECK(out.log.complaint.empty());
  for (const auto& one : out.log.lanes)
    out.starts.push_back({one.lane, std::chrono::duration_cast<milliseconds>(one.started), one.cut_off});
  return out;
}

const auto silent = lasting(30s, outcome::timed_out), refused = lasting(100ms, outcome::refused),
           good = lasting(600ms, outcome::won);

} // namespace

TEST_CASE("one by one: the next when the one before failed or its 5 s are over") {
  const auto out = race({silent, refused, good}, {1, 1, 2}, sequential);
  CHECK(out.starts == std::vector<started>{{0, 0ms, true}, {1, 5000ms, false}, {2, 5100ms, false}});
  CHECK(out.log.winner == 2U);
  CHECK(out.log.decided == 5700ms);
}

TEST_CASE("staggered: 250 ms, at once on failure, four at a time, and the gap before a tier") {
  const auto one = race({silent, refused, silent, silent, good}, {1, 1, 1, 1, 1}, staggered);
  CHECK(one.starts ==
        std::vector<started>{{0, 0ms, true}, {1, 250ms, false}, {2, 350ms, true}, {3, 600ms, true}, {4, 850ms, false}});
  CHECK(one.log.decided == 1450ms);
  const auto two = race({refused, good}, {1, 2}, staggered);
  CHECK(two.starts.back() == started{1, 3000ms, false});
  const auto full = race({silent, silent, silent, silent, good}, {1, 1, 1, 1, 1}, staggered);
  CHECK(full.starts.back() == started{4, 30000ms, false});
}

TEST_CASE("everything at once, and nobody wins where nothing is open") {
  const auto out = race({silent, refused, good}, {1, 1, 2}, all_at_once);
  CHECK(out.starts == std::vector<started>{{0, 0ms, true}, {1, 0ms, false}, {2, 0ms, false}});
  CHECK(out.log.decided == 600ms);
  CHECK_FALSE(race({silent, refused}, {1, 1}, all_at_once).log.winner);
}

TEST_CASE("what was seen of a lane that was cut off: legs that had begun, bytes in proportion") {
  auto lane = lasting(1000ms, outcome::won);
  lane.legs.push_back({1000ms, 2000ms, {"192.0.2.2", 443, {}}, "", 500, {1000ms}, outcome::won});
  const auto half = seen_until(lane, 500ms);
  CHECK(half.bytes == doctest::Approx(500));
  CHECK(half.connections == 1);
  CHECK(half.addresses == std::vector<std::string>{"192.0.2.1"});
  const auto all = seen_until(lane, 2000ms);
  CHECK(all.bytes == doctest::Approx(1500));
  CHECK(all.connections == 3);
  CHECK(all.names == std::vector<std::string>{"a.example"});
}

TEST_CASE("the audit sees a contact inside a penalty, on whatever it fell") {
  const race_route route{"front-a", "fronted"};
  const leg dropped{0ms, 4s, {"192.0.2.1", 443, "a"}, "a", 0, {0ms}, outcome::timed_out};
  auto other = dropped;
  other.where.address = "192.0.2.2";
  penalty_audit audit;
  audit.failed(route, dropped, 10s);
  audit.contacted(route, other, 20s);
  CHECK(audit.violations == 0);
  audit.contacted(route, dropped, 20s);
  CHECK(audit.violations == 1);
  audit.contacted(route, dropped, 10s + 180s);
  CHECK(audit.violations == 1);
  auto refuses = other;
  refuses.outcome = outcome::front_refused;
  audit.failed(route, refuses, 10s);
  audit.contacted(route, other, 3h);
  CHECK(audit.violations == 2);
  CHECK(audit.contacts == 4);
}

TEST_CASE("the schedule prescribes the order of the set, a stagger apart, and a gap before the second tier") {
  const auto starts = prescribed_starts(route_set(), 7);
  REQUIRE(starts.size() == 5);
  CHECK(starts[0] == 0ms);
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK(starts[i] - starts[i - 1] >= 200ms);
    CHECK(starts[i] - starts[i - 1] <= 300ms);
  }
  CHECK(starts[4] == starts[3] + 3s);
}

TEST_CASE("a story: a dropped address is left alone half a minute later, and the winner goes first an hour later") {
  const auto set = route_set();
  const censor::model_path path{.round_trip = 60ms};
  auto world = censor::world::make("S26", {.defined = {{"shipped", {"203.0.113.0/24"}}}, .seed = 3});
  REQUIRE(world.has_value());
  story one;
  const std::vector<race_route> fronts{set[2], set[3]};
  const auto cold = one.race(fronts, *world, path, 0s, 3);
  REQUIRE(cold.winner == 1U);
  const auto later = one.race(fronts, *world, path, 1h, 4);
  REQUIRE(later.winner == 1U);
  CHECK(later.lanes.front().lane == 1);
  CHECK(later.decided < cold.decided);
  CHECK(one.audit.violations == 0);
  CHECK(one.audit.contacts > 2);
}

TEST_CASE("a lane tells of the places that it gave up on the way, also when it is cut off") {
  auto lane = lasting(1000ms, outcome::front_refused);
  lane.legs[0].ended = 400ms;
  lane.legs.push_back({400ms, 1000ms, {"192.0.2.2", 443, "b"}, "b", 0, {400ms}, outcome::front_refused});
  const auto whole = report_of({"x", "fronted"}, lane);
  REQUIRE(whole.given_up.size() == 1);
  CHECK(whole.given_up[0].where == lane.legs[0].where);
  CHECK(report_of({"x", "fronted"}, good).given_up.empty());

  rival_plan plan({1, 1}, all_at_once);
  std::vector<fallback::lane_report> ended;
  (void)run_race(
      plan, [&](std::size_t which, nanoseconds) { return which == 0 ? lane : good; },
      [](std::size_t, const lane_course& one) { return report_of({"x", "fronted"}, one); },
      [&](std::size_t, const fallback::lane_report& report, nanoseconds) { ended.push_back(report); });
  REQUIRE(ended.size() == 2);
  CHECK(ended[1].outcome == outcome::cancelled);
  CHECK(ended[1].given_up.size() == 1);
}

TEST_CASE("look-ups of a race share a connection to each resolver, and what they learn of it") {
  const censor::model_path path{.round_trip = 100ms};
  struct asking {
    nanoseconds at;
    milliseconds lasts;
    bool answered;
    std::size_t opened;
    bool contacted = true;
  };
  struct row {
    const char* profile;
    std::vector<std::string> dropped;
    std::vector<asking> asked;
  };
  const row rows[] = {
      {"none", {}, {{0s, 300ms, true, 1}, {100ms, 200ms, true, 0}, {1s, 100ms, true, 0}}},
      {"S26", {"9.9.9.9"}, {{0s, 4s, false, 1}, {1s, 3s, false, 0}, {5s, 0s, false, 0, false}, {14s, 4s, false, 1}}}};
  for (const auto& row : rows) {
    CAPTURE(row.profile);
    censor::definitions defined;
    if (!row.dropped.empty()) defined["shipped"] = row.dropped;
    auto world = censor::world::make(row.profile, {.defined = defined, .seed = 1});
    REQUIRE(world.has_value());
    resolvers names(*world, path);
    for (const auto& one : row.asked) {
      CAPTURE(one.at.count());
      const auto got = names.ask(0, one.at);
      CHECK(got.answered == one.answered);
      CHECK(got.lasts >= one.lasts);
      CHECK(got.lasts <= one.lasts + 5ms);
      REQUIRE(got.what.has_value() == one.contacted);
      if (got.what) CHECK(got.what->opened.size() == one.opened);
    }
  }
}
