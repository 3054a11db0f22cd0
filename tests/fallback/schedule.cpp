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

/// The first lane starts, and wins after 400 ms: that moment.
base::steady_time first_wins(fallback::schedule& plan) {
  base::steady_time now{};
  REQUIRE(std::get<net::start_lane>(plan.next(now)).lane == 0);
  fallback::lane_report won;
  won.outcome = outcome::won;
  won.tier = trust::tier::a;
  plan.ended(0, won, now += 400ms);
  return now;
}

} // namespace

TEST_CASE("the next lane of a tier starts after attempt_delay, whatever the others reach; failure cuts it short") {
  const row rows[] = {
      {"250 ms after the last start, or up to a fifth earlier",
       {silent(), silent(), silent()},
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}, {2, 400ms, 500ms}}},
      {"progress of the newest lane puts nothing off",
       {with_steps({{150ms, stage::connect}, {190ms, stage::tls}}), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}}},
      {"nor does that of one that is in its body", {busy(), winning(10ms)}, {{0, 0ms, 0ms}, {1, 200ms, 250ms}}},
      {"at once when a lane failed",
       {failing(60ms, outcome::refused), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 60ms, 60ms}}},
      {"at once when an older lane failed, and after the delay again",
       {failing(320ms, outcome::refused), silent(), silent(), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}, {2, 320ms, 320ms}, {3, 520ms, 570ms}}},
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
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}, {2, 3200ms, 3250ms}}},
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
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}, {2, 400ms, 500ms}, {3, 600ms, 750ms}, {4, 30000ms, 30000ms}}},
      {"a lane without SYN-ACK for 1.5 s no longer counts",
       {silent(), answering(20ms), answering(20ms), answering(20ms), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}, {2, 400ms, 500ms}, {3, 600ms, 750ms}, {4, 1500ms, 1500ms}}},
      {"a silent lane that answers late counts again",
       {answering(1400ms), answering(20ms), answering(20ms), answering(20ms), winning(10ms)},
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}, {2, 400ms, 500ms}, {3, 600ms, 750ms}, {4, 30000ms, 30000ms}}},
      {"eight at most, however silent",
       {silent(), silent(), silent(), silent(), silent(), silent(), silent(), silent(), winning(10ms)},
       {{0, 0ms, 0ms},
        {1, 200ms, 250ms},
        {2, 400ms, 500ms},
        {3, 600ms, 750ms},
        {4, 1500ms, 1500ms},
        {5, 1700ms, 1750ms},
        {6, 1900ms, 2000ms},
        {7, 2100ms, 2250ms},
        {8, 30000ms, 30000ms}}},
  };
  for (const auto& row : rows) check(row);
}

TEST_CASE("two lanes of a group at a time, and a full group holds up nobody else") {
  const row rows[] = {
      {"the third of a group is passed over until one ended",
       {silent("cdn"), silent("cdn"), silent("cdn"), silent("other")},
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}, {3, 400ms, 500ms}, {2, 30000ms, 30000ms}}},
      {"it does not hold up the next tier",
       {silent("cdn"), silent("cdn"), silent("cdn"), winning(10ms, 2)},
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}, {3, 3200ms, 3250ms}}},
      {"a tier all of whose groups are full counts as opened",
       {silent("cdn"), silent("cdn"), silent("cdn", 2), winning(10ms, 3)},
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}, {3, 6200ms, 6250ms}}},
      {"routes without a group share none",
       {silent(), silent(), silent()},
       {{0, 0ms, 0ms}, {1, 200ms, 250ms}, {2, 400ms, 500ms}}},
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

TEST_CASE("a head start: alone for a second, unless it fails; progress makes it no longer") {
  const auto ahead = [](model first) {
    fallback::entrant one{"", 1}, two{"", 1};
    one.head_start = 1s;
    fallback::schedule plan({one, two}, {}, 1);
    base::steady_time now{};
    REQUIRE(std::get<net::start_lane>(plan.next(now)).lane == 0);
    if (!first.steps.empty()) plan.progressed(0, first.steps[0].at, now += first.steps[0].after);
    if (first.ends < 1s) {
      fallback::lane_report report;
      report.outcome = first.outcome;
      plan.ended(0, report, now = base::steady_time{} + first.ends);
      const auto answer = plan.next(now);
      return std::holds_alternative<net::start_lane>(answer) ? first.ends : 0ms;
    }
    const auto action = plan.next(now);
    return std::chrono::duration_cast<milliseconds>(std::get<net::wait_until>(action).when - base::steady_time{});
  };
  CHECK(ahead(silent()) == 1000ms);
  CHECK(ahead(answering(900ms)) == 1000ms);
  CHECK(ahead(failing(300ms, outcome::refused)) == 300ms);
}

namespace {

model shown(std::string kind, int tier = 1) {
  auto out = silent({}, tier);
  out.kind = std::move(kind);
  return out;
}

model lying_in(std::string address, int tier = 1) {
  auto out = silent({}, tier);
  out.places = {{std::move(address), 443, {}}};
  return out;
}

/// A lane that ends so at that place, and how the lanes behind it then start: in which order.
std::vector<std::size_t> order_after(model first, std::vector<model> rest) {
  config::fallback_settings settings;
  settings.max_lanes = 1; // one after the other: the order alone is looked at
  rest.insert(rest.begin(), std::move(first));
  for (std::size_t i = 1; i < rest.size(); ++i)
    rest[i].ends = 10ms, rest[i].outcome = outcome::http_status, rest[i].stage = stage::request;
  std::vector<std::size_t> out;
  const auto seen = run(rest, settings, 1);
  CHECK(seen.complaint == "");
  for (const auto& one : seen.only(happening::kind::started)) out.push_back(one.lane);
  return out;
}

model dropped_at(std::string address, std::string group = {}) {
  auto out = failing(1000ms, outcome::timed_out);
  out.stage = stage::connect;
  out.group = std::move(group);
  out.where = {std::move(address), 443, {}};
  return out;
}

} // namespace

TEST_CASE("how a lane failed changes the order of those that have not started") {
  const auto reset = failing(50ms, outcome::reset_after_hello), stalled = failing(50ms, outcome::stalled_after_hello);
  const auto poisoned = failing(50ms, outcome::dns_poisoned), answered = failing(50ms, outcome::http_status);
  auto fronted_and_reset = reset, far = dropped_at("198.51.100.7");
  fronted_and_reset.kind = "fronted";
  far.stage = stage::request;
  struct order_row {
    std::string name;
    model first;
    std::vector<model> rest;
    std::vector<std::size_t> order;
  };
  const order_row rows[] = {
      {"a name was filtered: a front is next, out of its tier; a bridge is no quieter",
       reset,
       {shown("https"), shown("fronted", 3), shown("bridge", 2)},
       {0, 2, 1, 3}},
      {"silence after a name too", stalled, {shown("https"), shown("fronted")}, {0, 2, 1}},
      {"what showed no name of ours teaches nothing", fronted_and_reset, {shown("https"), shown("fronted")}, {0, 1, 2}},
      {"an address was dropped: its /24 is last, behind the last tier",
       dropped_at("198.51.100.7"),
       {lying_in("198.51.100.200"), lying_in("198.51.101.7"), lying_in("203.0.113.1", 2)},
       {0, 2, 3, 1}},
      {"of IPv6 its /48",
       dropped_at("2001:db8:1:2::7"),
       {lying_in("2001:db8:1:ffff::1"), lying_in("2001:db8:2::1")},
       {0, 2, 1}},
      {"it was connected: no block is dropped", far, {lying_in("198.51.100.200"), lying_in("203.0.113.1")}, {0, 1, 2}},
      {"what is of its group is last too",
       dropped_at("198.51.100.7", "cdn"),
       {silent("cdn"), silent("other")},
       {0, 2, 1}},
      {"a name was answered falsely: what needs no look-up is first",
       poisoned,
       {shown("fronted"), shown("bridge"), shown("https")},
       {0, 2, 3, 1}},
      {"an answer of the server moves nobody", answered, {shown("https"), shown("fronted")}, {0, 1, 2}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(order_after(row.first, row.rest) == row.order);
  }
}

TEST_CASE("under quiet no conspicuous route starts before every quiet one has failed") {
  config::fallback_settings settings;
  settings.exposure = config::exposure::quiet;
  const auto seen =
      run({failing(300ms, outcome::refused), failing(9000ms, outcome::timed_out), shown("bridge", 2)}, settings, 1);
  const auto starts = seen.only(happening::kind::started);
  REQUIRE(starts.size() == 3);
  CHECK(starts[2].lane == 2);
  CHECK_MESSAGE(starts[2].at == starts[1].at + 9000ms, "at once when the last one failed");
}

TEST_CASE("after a win one more lane runs on to be compared: which, and for how long") {
  const auto kind = [](model what, std::string of) {
    what.kind = std::move(of);
    return what;
  };
  const auto in_group = [](model what, std::string of) {
    what.group = std::move(of);
    return what;
  };
  const auto winner = winning(700ms);
  const auto answered = with_steps({{100ms, stage::connect}});
  auto fast_bridge = kind(silent(), "bridge"), refusing = kind(failing(900ms, outcome::front_refused), "fronted");
  fast_bridge.ends = 2000ms;
  refusing.steps = {{100ms, stage::connect}, {200ms, stage::tls}};
  const auto stuck = with_steps({{10ms, stage::connect}});
  struct compare_row {
    std::string name;
    std::vector<model> lanes;
    std::optional<std::size_t> companion;
    milliseconds after; ///< the win
    milliseconds attempt_delay = 100ms;
  };
  const compare_row rows[] = {
      {"one that runs, to its end", {fast_bridge, winner}, 0, 1200ms},
      {"for 5 s at most", {answered, winner}, 0, 5000ms},
      {"another kind before another group", {answered, kind(answered, "bridge"), winner}, 1, 5000ms},
      {"else another group", {in_group(answered, "cdn"), in_group(winner, "cdn"), answered}, 2, 5000ms},
      {"one that answered before one that is silent", {silent(), answered, silent(), winner}, 1, 5000ms},
      {"one of the same host proves nothing", {in_group(answered, "cdn"), in_group(winner, "cdn")}, std::nullopt, 0ms},
      {"the next in line where none runs", {winner, kind(silent(), "fronted")}, 1, 5000ms, 9000ms},
      {"one of another kind, of a higher tier too, before one that runs",
       {answered, winner, kind(silent({}, 2), "fronted")},
       2,
       5000ms},
      {"not in a burst: four were started",
       {answered, answered, winner, answered, kind(silent(), "fronted")},
       0,
       5000ms,
       200ms},
      {"one at a standstill serves in a burst alone",
       {stuck, stuck, stuck, winning(1800ms), kind(silent(), "fronted")},
       4,
       5000ms,
       250ms},
      {"one that the server answered wrongly is followed by another", {winner, refusing, silent()}, 2, 5000ms, 9000ms},
      {"but nothing conspicuous is started for it", {winner, kind(silent(), "bridge")}, std::nullopt, 0ms, 9000ms},
      {"nobody else, nothing to wait for", {winner}, std::nullopt, 0ms},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    config::fallback_settings settings;
    settings.attempt_delay = row.attempt_delay;
    const auto seen = run(row.lanes, settings, 1, fallback::compare_after_win);
    CHECK(seen.complaint == "");
    REQUIRE(seen.winner);
    CHECK(seen.companion == row.companion);
    const auto after = seen.finished - seen.decided;
    // The win lies after a jittered start.
    CHECK(after <= row.after + (row.after == 1200ms ? row.attempt_delay : 0ms));
    CHECK(after >= row.after);
  }
}

TEST_CASE("what was never timed on this network is compared first, and so the memory learns it") {
  fallback::entrant first{"", 1, "https"}, other{"", 1, "fronted"}, new_one{"", 2, "fronted"};
  first.head_start = 1s;
  first.timed = other.timed = true;
  for (const auto how : {config::exposure::fast, config::exposure::balanced, config::exposure::quiet}) {
    for (const bool conspicuous : {false, true}) {
      CAPTURE(static_cast<int>(how));
      CAPTURE(conspicuous);
      config::fallback_settings settings;
      settings.exposure = how;
      new_one.conspicuous = conspicuous;
      fallback::schedule plan({first, other, new_one}, settings, 1);
      const auto now = first_wins(plan);
      const bool tried = how == config::exposure::fast || !conspicuous;
      CHECK(std::get<net::start_lane>(plan.next(now)).lane == (tried ? 2 : 1));
    }
  }
}

TEST_CASE("to be compared is no reason to start tor, however conspicuous a route may be") {
  for (const auto how : {config::exposure::fast, config::exposure::balanced, config::exposure::quiet}) {
    for (const bool conspicuous_winner : {false, true}) {
      CAPTURE(static_cast<int>(how));
      CAPTURE(conspicuous_winner);
      fallback::entrant first{"", 1, "bridge"}, tor{"", 2, "onion"};
      first.conspicuous = conspicuous_winner;
      tor.conspicuous = true;
      config::fallback_settings settings;
      settings.exposure = how;
      fallback::schedule plan({first, tor}, settings, 1);
      const auto now = first_wins(plan);
      CHECK(std::holds_alternative<net::finish>(plan.next(now)));
    }
  }
}
