// When lanes start and when a race ends, rule by rule, in virtual time.
#include "simulator.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace landfall::simulation;
using namespace std::chrono_literals;
using base::outcome;
using base::stage;

namespace {

/// Lane `lane` starts within [from, to] ms of the race.
struct expected {
  std::size_t lane;
  milliseconds from, to;
};

struct row {
  std::string name;
  std::vector<model> lanes;
  std::vector<expected> starts; ///< all of them, in order
};

/// Progress that is made just before the next lane would start, through every stage.
model busy() {
  auto out = silent();
  milliseconds at = 0ms;
  for (const auto reached :
       {stage::connect, stage::tls, stage::proxy, stage::handshake, stage::request, stage::body, stage::verify})
    out.steps.push_back({at += 190ms, reached});
  return out;
}

model with_steps(std::vector<model::step> steps) {
  auto out = silent();
  out.steps = std::move(steps);
  return out;
}

void check(const row& row, const config::fallback_settings& settings = {}) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(row.name);
    CAPTURE(seed);
    const auto seen = run(row.lanes, settings, seed);
    CHECK(seen.complaint == "");
    const auto starts = seen.only(happening::kind::started);
    REQUIRE(starts.size() == row.starts.size());
    for (std::size_t i = 0; i < starts.size(); ++i) {
      CAPTURE(i);
      CHECK(starts[i].lane == row.starts[i].lane);
      CHECK(starts[i].at >= row.starts[i].from);
      CHECK(starts[i].at <= row.starts[i].to);
    }
  }
}

} // namespace

TEST_CASE("the next lane of a tier starts after attempt_delay, which progress puts off and failure cuts short") {
  const row rows[] = {
      {"250 ms, give or take a fifth, after the last start",
       {silent(), silent(), silent()},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}, {2, 400ms, 600ms}}},
      {"anew from the newest lane's SYN-ACK", {answering(190ms), winning(10ms)}, {{0, 0ms, 0ms}, {1, 390ms, 490ms}}},
      {"anew from its ServerHello too",
       {with_steps({{150ms, stage::connect}, {300ms, stage::tls}}), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 500ms, 600ms}}},
      {"but 1.5 s in all", {busy(), winning(10ms)}, {{0, 0ms, 0ms}, {1, 1500ms, 1500ms}}},
      {"a name that resolves is no progress",
       {with_steps({{190ms, stage::resolve}}), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}}},
      {"a stage that is reached again is no progress",
       {with_steps({{10ms, stage::connect}, {190ms, stage::connect}}), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 210ms, 310ms}}},
      {"an older lane's progress changes nothing",
       {with_steps({{350ms, stage::connect}}), silent(), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}, {2, 400ms, 600ms}}},
      {"at once when a lane failed",
       {failing(60ms, outcome::refused), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 60ms, 60ms}}},
      {"at once when an older lane failed, and after the delay again",
       {failing(320ms, outcome::refused), silent(), silent(), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}, {2, 320ms, 320ms}, {3, 520ms, 620ms}}},
      {"at once when a lane brought an old list",
       {bringing(60ms, outcome::verified_but_older, trust::tier::a, false), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 60ms, 60ms}}},
  };
  for (const auto& row : rows) check(row);
}

TEST_CASE("a higher tier starts only when the tier before had its time") {
  const row rows[] = {
      {"3 s after the start of its last lane",
       {silent(), silent(), silent({}, 2)},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}, {2, 3200ms, 3300ms}}},
      {"1 s after that start when it failed hard as a whole",
       {failing(50ms, outcome::refused), failing(50ms, outcome::reset_after_hello), winning(10ms, 2)},
       {{0, 0ms, 0ms}, {1, 50ms, 50ms}, {2, 1050ms, 1050ms}}},
      {"at once when it failed hard later than that",
       {failing(2000ms, outcome::timed_out), winning(10ms, 2)},
       {{0, 0ms, 0ms}, {1, 2000ms, 2000ms}}},
      {"3 s when one of it still runs",
       {failing(50ms, outcome::refused), silent(), winning(10ms, 2)},
       {{0, 0ms, 0ms}, {1, 50ms, 50ms}, {2, 3050ms, 3050ms}}},
      {"3 s when it ended, but not in failure",
       {bringing(50ms, outcome::verified_but_older, trust::tier::a_minus, false), winning(10ms, 2)},
       {{0, 0ms, 0ms}, {1, 3000ms, 3000ms}}},
      {"the third tier waits for the second",
       {failing(50ms, outcome::refused), failing(50ms, outcome::refused, 2), winning(10ms, 3)},
       {{0, 0ms, 0ms}, {1, 1000ms, 1000ms}, {2, 2000ms, 2000ms}}},
      {"tiers that nobody has cost nothing",
       {failing(50ms, outcome::refused, 2), winning(10ms, 7)},
       {{0, 0ms, 0ms}, {1, 1000ms, 1000ms}}},
      {"a failure in the higher tier starts the next of it at once",
       {silent(), failing(50ms, outcome::refused, 2), winning(10ms, 2)},
       {{0, 0ms, 0ms}, {1, 3000ms, 3000ms}, {2, 3050ms, 3050ms}}},
  };
  for (const auto& row : rows) check(row);
}

TEST_CASE("a shorter tier_gap than a second holds for a failed tier too") {
  config::fallback_settings settings;
  settings.tier_gap = 400ms;
  check({"400 ms", {failing(50ms, outcome::refused), winning(10ms, 2)}, {{0, 0ms, 0ms}, {1, 400ms, 400ms}}}, settings);
}

TEST_CASE("lanes are capped: four that count, eight sockets") {
  const row rows[] = {
      {"the fifth waits while four are connected",
       {answering(20ms), answering(20ms), answering(20ms), answering(20ms), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 220ms, 320ms}, {2, 440ms, 640ms}, {3, 660ms, 960ms}, {4, 30000ms, 30000ms}}},
      {"a lane without SYN-ACK for 1.5 s no longer counts",
       {silent(), answering(20ms), answering(20ms), answering(20ms), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}, {2, 420ms, 620ms}, {3, 640ms, 940ms}, {4, 1500ms, 1500ms}}},
      {"a silent lane that answers late counts again",
       {answering(1400ms), answering(20ms), answering(20ms), answering(20ms), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}, {2, 420ms, 620ms}, {3, 640ms, 940ms}, {4, 30000ms, 30000ms}}},
      {"eight at most, however silent",
       {silent(), silent(), silent(), silent(), silent(), silent(), silent(), silent(), winning(10ms)},
       {{0, 0ms, 0ms},
        {1, 200ms, 300ms},
        {2, 400ms, 600ms},
        {3, 600ms, 900ms},
        {4, 1500ms, 1500ms},
        {5, 1700ms, 1800ms},
        {6, 1900ms, 2100ms},
        {7, 2100ms, 2400ms},
        {8, 30000ms, 30000ms}}},
  };
  for (const auto& row : rows) check(row);
}

TEST_CASE("two lanes of a group at a time, and a full group holds up nobody else") {
  const row rows[] = {
      {"the third of a group is passed over until one ended",
       {silent("cdn"), silent("cdn"), silent("cdn"), silent("other")},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}, {3, 400ms, 600ms}, {2, 30000ms, 30000ms}}},
      {"it does not hold up the next tier",
       {silent("cdn"), silent("cdn"), silent("cdn"), winning(10ms, 2)},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}, {3, 3200ms, 3300ms}}},
      {"a tier all of whose groups are full counts as opened",
       {silent("cdn"), silent("cdn"), silent("cdn", 2), winning(10ms, 3)},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}, {3, 6200ms, 6300ms}}},
      {"routes without a group share none",
       {silent(), silent(), silent()},
       {{0, 0ms, 0ms}, {1, 200ms, 300ms}, {2, 400ms, 600ms}}},
  };
  for (const auto& row : rows) check(row);
}

TEST_CASE("a race ends at the first list of tier A that is not below the floor, and at nothing less") {
  struct end_row {
    std::string name;
    outcome what;
    std::optional<trust::tier> list;
    bool adopted;
    bool ends;
  };
  using enum trust::tier;
  const end_row rows[] = {
      {"a fresh list, adopted", outcome::won, a, true, true},
      {"the fresh list that we hold", outcome::verified_same, a, false, true},
      {"the list that we hold, no longer fresh", outcome::verified_same, a_minus, false, false},
      {"a valid list, adopted provisionally", outcome::verified_but_older, a_minus, true, false},
      {"a long expired list, adopted over nothing", outcome::expired, c, true, false},
      {"an expired list, adopted provisionally", outcome::verified_but_older, b, true, false},
      {"a lagging cache, though its list is fresh", outcome::verified_but_older, a, false, false},
      {"a replayed old list", outcome::rolled_back, c, false, false},
      {"a replayed list that is fresh by its dates", outcome::rolled_back, a, false, false},
      {"another fresh list of the same version", outcome::equivocation, a, false, false},
      {"a forged list", outcome::below_threshold, std::nullopt, false, false},
      {"a list of another network", outcome::wrong_network, std::nullopt, false, false},
      {"nothing new, said by the server", outcome::not_modified, std::nullopt, false, false},
      {"a list that needs a newer root", outcome::root_needed, std::nullopt, false, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto seen = run({bringing(50ms, row.what, row.list.value_or(c), row.adopted), winning(500ms)}, {}, 1);
    if (!row.list) {
      fallback::lane_report report;
      report.outcome = row.what;
      CHECK_FALSE(fallback::ends_race(report));
    }
    CHECK(seen.complaint == "");
    REQUIRE(seen.winner);
    CHECK((*seen.winner == 0) == row.ends);
    CHECK(seen.finished == (row.ends ? 50ms : 550ms));
    REQUIRE(seen.reports.size() == (row.ends ? 1 : 2));
    CHECK(seen.reports[0].outcome == row.what);
  }
}

TEST_CASE("a race that nobody wins ends with its last lane; one without lanes at once") {
  const auto lost = run({failing(50ms, outcome::refused), failing(7000ms, outcome::timed_out)}, {}, 1);
  CHECK(lost.complaint == "");
  CHECK_FALSE(lost.winner);
  CHECK(lost.finished == 7050ms);
  CHECK(lost.reports.size() == 2);

  const auto none = run({}, {}, 1);
  CHECK(none.complaint == "");
  CHECK_FALSE(none.winner);
  CHECK(none.finished == 0ms);
}

TEST_CASE("losers are reported as cancelled, and none of them takes the win") {
  const auto seen = run({silent(), winning(100ms), winning(110ms)}, {}, 1);
  REQUIRE(seen.winner == 1);
  REQUIRE(seen.reports.size() == 2); // the third one's turn had not come
  CHECK(seen.reports[1].outcome == outcome::cancelled);

  fallback::schedule plan({{"", 1}, {"", 1}}, {}, 1);
  base::steady_time now{};
  REQUIRE(std::holds_alternative<net::start_lane>(plan.next(now)));
  REQUIRE(std::holds_alternative<net::start_lane>(plan.next(now += 300ms)));
  fallback::lane_report won;
  won.outcome = outcome::won;
  won.tier = trust::tier::a;
  won.adopted = true;
  plan.ended(1, won, now);
  won.outcome = outcome::verified_same; // the other one ends in the same turn, before it is cancelled
  plan.ended(0, won, now);
  CHECK(plan.winner() == 1);
  CHECK(std::holds_alternative<net::finish>(plan.next(now)));
}

TEST_CASE("routes are ranked by tier, then by their order in the file") {
  const std::vector<fallback::entrant> routes{{"a", 3}, {"b", 1}, {"c", 2}, {"d", 1}};
  CHECK(fallback::rank(routes) == std::vector<std::size_t>{1, 3, 2, 0});
  CHECK(fallback::rank({}).empty());
}
