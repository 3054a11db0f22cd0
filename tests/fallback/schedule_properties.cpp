// What holds for every race, checked on the trace alone over thousands of random ones. A failure prints its seed.
#include "chance.hpp"
#include "simulator.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

using namespace landfall;
using namespace landfall::simulation;
using namespace std::chrono_literals;
using base::outcome;
using base::stage;
using std::chrono::nanoseconds;

namespace {

/// Of every kind, at places in few blocks, with the outcomes that change a plan.
void make_wild(model& lane, chance& dice) {
  lane.kind = dice.of<std::string>({"https", "https", "fronted", "bridge", "onion"});
  const base::place where{fmt::format("198.51.{}.{}", dice.upto(3), dice.upto(9)), 443, {}};
  lane.where = where;
  if (dice.in(2)) lane.places = {where};
  if (lane.list) return;
  lane.outcome = dice.of({lane.outcome, outcome::timed_out, outcome::reset_after_hello, outcome::stalled_after_hello,
                          outcome::dns_poisoned});
  lane.stage = dice.of({stage::connect, stage::tls});
}

model some_lane(chance& dice) {
  model out;
  out.group = dice.of<std::string>({"", "a", "a", "b", "c"});
  out.tier = dice.of({1, 1, 1, 2, 2, 3, 5});
  milliseconds at = 0ms;
  for (const auto reached : {stage::resolve, stage::connect, stage::tls, stage::request, stage::body, stage::verify}) {
    if (dice.in(4)) break;
    out.steps.push_back({at += milliseconds(dice.upto(dice.in(3) ? 2000 : 200)), reached});
  }
  out.ends = dice.in(3) ? 30000ms : at + milliseconds(1 + dice.upto(3000));
  out.outcome = dice.of({outcome::timed_out, outcome::refused, outcome::rolled_back, outcome::verified_but_older,
                         outcome::equivocation, outcome::below_threshold, outcome::offline, outcome::expired});
  if (out.outcome == outcome::expired) out.list = trust::tier::c, out.adopted = dice.in(2);
  if (out.outcome == outcome::rolled_back || out.outcome == outcome::verified_but_older) out.list = trust::tier::a;
  if (dice.in(12))
    out.outcome = outcome::won, out.list = trust::tier::a, out.adopted = true;
  else if (dice.in(20))
    out.outcome = outcome::verified_same, out.list = dice.of({trust::tier::a, trust::tier::b});
  return out;
}

bool wins(const model& lane) {
  return lane.list == trust::tier::a && (lane.outcome == outcome::won || lane.outcome == outcome::verified_same);
}

/// The race replayed from its trace, up to the happening before `index`.
struct so_far {
  struct past {
    bool started = false, running = false, answered = false;
    nanoseconds at{}, end{};
  };
  std::vector<past> lanes;
  nanoseconds last_start{-1h};

  so_far(const trace& seen, std::size_t index, std::size_t count) : lanes(count) {
    for (std::size_t i = 0; i < index; ++i) {
      const auto& one = seen.happenings[i];
      auto& lane = lanes[one.lane];
      if (one.what == happening::kind::started)
        lane.started = lane.running = true, lane.at = last_start = one.at;
      else if (one.what == happening::kind::ended)
        lane.running = false, lane.end = one.at;
      else if (one.stage >= stage::connect)
        lane.answered = true;
    }
  }

  [[nodiscard]] int running() const {
    return static_cast<int>(std::count_if(lanes.begin(), lanes.end(), [](const auto& l) { return l.running; }));
  }
  [[nodiscard]] int counted(nanoseconds now) const {
    return static_cast<int>(std::count_if(lanes.begin(), lanes.end(), [&](const auto& l) {
      return l.running && (l.answered || now < l.at + fallback::silent_lane);
    }));
  }
  [[nodiscard]] int of_group(const std::vector<model>& models, const std::string& group) const {
    int out = 0;
    for (std::size_t i = 0; i < lanes.size(); ++i) out += lanes[i].running && models[i].group == group;
    return out;
  }
};

struct setting {
  std::vector<model> lanes;
  config::fallback_settings settings;
  bool groupless = false;
};

setting some_setting(std::uint64_t seed) {
  chance dice(seed);
  setting out;
  out.settings.attempt_delay = dice.of({250ms, 250ms, 100ms, 900ms});
  out.settings.tier_gap = dice.of({3000ms, 3000ms, 1500ms, 10000ms});
  out.settings.max_lanes = dice.of({4, 4, 1, 2, 12});
  out.settings.max_lanes_per_group = dice.of({2, 2, 1, 4});
  const int count = dice.upto(16);
  for (int i = 0; i < count; ++i) out.lanes.push_back(some_lane(dice));
  out.groupless = dice.in(2);
  if (out.groupless)
    for (auto& lane : out.lanes) lane.group.clear();
  std::ranges::sort(out.lanes, {}, &model::tier);
  return out;
}

void check_caps(const setting& w, const so_far& before, const happening& start) {
  const auto& group = w.lanes[start.lane].group;
  CHECK(before.counted(start.at) < w.settings.max_lanes);
  CHECK(before.running() < static_cast<int>(fallback::max_sockets));
  if (!group.empty()) CHECK(before.of_group(w.lanes, group) < w.settings.max_lanes_per_group);
}

/// No lane that stands before it and could start is left out.
void check_order(const setting& w, const so_far& before, const happening& start) {
  CHECK_FALSE(before.lanes[start.lane].started);
  for (std::size_t i = 0; i < start.lane; ++i) {
    if (before.lanes[i].started) continue;
    CHECK(before.of_group(w.lanes, w.lanes[i].group) >= w.settings.max_lanes_per_group);
    CHECK_FALSE(w.lanes[i].group.empty());
  }
}

/// A start sooner than the delay answers a lane that failed in that moment: one for each.
void check_spacing(const setting& w, const trace& seen, const so_far& before, const happening& start) {
  const nanoseconds least = nanoseconds(w.settings.attempt_delay) * 8 / 10;
  if (start.at - before.last_start >= least) return;
  int ends = 0, starts = 0;
  for (const auto& one : seen.happenings) {
    if (one.at != start.at) continue;
    ends += one.what == happening::kind::ended;
    starts += one.what == happening::kind::started;
  }
  CHECK(starts <= ends);
}

/// Where groups are never full: a tier whose groups are all full counts as opened, and may start later beside others.
void check_tier_gap(const setting& w, const so_far& before, const happening& start) {
  if (!w.groupless) return;
  const int tier = w.lanes[start.lane].tier;
  int previous = 0;
  for (std::size_t i = 0; i < w.lanes.size(); ++i) {
    if (before.lanes[i].started && w.lanes[i].tier >= tier) return; // not the first of its tier
    if (w.lanes[i].tier < tier) previous = std::max(previous, w.lanes[i].tier);
  }
  if (previous == 0) return;
  bool all_hard = true;
  nanoseconds last{-1h};
  for (std::size_t i = 0; i < w.lanes.size(); ++i) {
    if (w.lanes[i].tier != previous) continue;
    const auto& lane = before.lanes[i];
    if (lane.started) last = std::max(last, lane.at);
    all_hard = all_hard && lane.started && !lane.running && base::policy_of(w.lanes[i].outcome).hard;
  }
  CHECK(start.at - last >= (all_hard ? fallback::hard_tier_gap : w.settings.tier_gap));
}

/// It ends at the first winning list, else when every lane has ended; and nothing else ends it.
void check_end(const setting& w, const trace& seen) {
  std::optional<std::size_t> first;
  std::size_t ends = 0;
  for (const auto& one : seen.happenings) {
    if (one.what != happening::kind::ended) continue;
    ++ends;
    if (!first && wins(w.lanes[one.lane])) {
      first = one.lane;
      CHECK(one.at == seen.finished);
    }
  }
  CHECK(seen.winner == first);
  if (first) return;
  CHECK(ends == w.lanes.size());
  CHECK(seen.only(happening::kind::started).size() == w.lanes.size());
  if (!w.lanes.empty()) CHECK(seen.happenings.back().at == seen.finished);
}

bool conspicuous(const model& lane) { return fallback::usual_visibility(lane.kind).cost != fallback::cost::quiet; }

/// Under `quiet`, nothing conspicuous beside or before a quiet one that has not failed.
void check_quiet(const setting& w, const so_far& before, const happening& start) {
  if (w.settings.exposure != config::exposure::quiet || !conspicuous(w.lanes[start.lane])) return;
  for (std::size_t i = 0; i < w.lanes.size(); ++i)
    if (!conspicuous(w.lanes[i])) CHECK((before.lanes[i].started && !before.lanes[i].running));
}

} // namespace

TEST_CASE("every race keeps to the caps, the spacing and the tiers, starts every lane, and ends when it should") {
  int won = 0, lost = 0;
  for (std::uint64_t seed = 0; seed < 10000; ++seed) {
    CAPTURE(seed);
    const auto w = some_setting(seed);
    const auto seen = run(w.lanes, w.settings, seed);
    REQUIRE(seen.complaint == "");
    for (std::size_t i = 0; i < seen.happenings.size(); ++i) {
      const auto& one = seen.happenings[i];
      if (one.what != happening::kind::started) continue;
      const so_far before(seen, i, w.lanes.size());
      check_caps(w, before, one);
      check_order(w, before, one);
      check_spacing(w, seen, before, one);
      check_tier_gap(w, before, one);
    }
    check_end(w, seen);
    CHECK(seen.reports.size() == seen.only(happening::kind::started).size());
    ++(seen.winner ? won : lost);
  }
  // Both kinds of end were seen often enough to mean something.
  CHECK(won > 1000);
  CHECK(lost > 1000);
}

TEST_CASE("whatever a race learns on the way: caps, spacing, exposure; every lane gets its turn; compared in 5 s") {
  int compared = 0, reordered = 0;
  for (std::uint64_t seed = 0; seed < 10000; ++seed) {
    CAPTURE(seed);
    auto w = some_setting(seed);
    chance dice(~seed);
    for (auto& lane : w.lanes) make_wild(lane, dice);
    w.settings.exposure = dice.of({config::exposure::fast, config::exposure::balanced, config::exposure::quiet});
    const auto seen = run(w.lanes, w.settings, seed, fallback::compare_after_win);
    REQUIRE(seen.complaint == "");
    std::size_t highest = 0, for_comparison = 0;
    for (std::size_t i = 0; i < seen.happenings.size(); ++i) {
      const auto& one = seen.happenings[i];
      if (one.what != happening::kind::started) continue;
      if (seen.winner && one.at >= seen.decided) {
        CHECK(++for_comparison <= 2);
        CHECK_FALSE((w.settings.exposure == config::exposure::quiet && conspicuous(w.lanes[one.lane])));
        continue;
      }
      const so_far before(seen, i, w.lanes.size());
      check_caps(w, before, one);
      check_spacing(w, seen, before, one);
      check_quiet(w, before, one);
      reordered += one.lane < highest;
      highest = std::max(highest, one.lane);
    }
    if (!seen.winner) CHECK(seen.only(happening::kind::started).size() == w.lanes.size());
    CHECK(seen.finished - seen.decided <= fallback::compare_after_win);
    if (!seen.companion) continue;
    ++compared;
    const auto &first = w.lanes[*seen.winner], &second = w.lanes[*seen.companion];
    CHECK((first.kind != second.kind || first.group != second.group || first.group.empty()));
  }
  CHECK(compared > 1000);
  CHECK(reordered > 1000);
}

TEST_CASE("a seed gives one race; other seeds give others") {
  const std::vector<model> lanes{silent(), silent(), silent(), winning(100ms)};
  const auto times = [&](std::uint64_t seed) {
    std::vector<nanoseconds> out;
    for (const auto& one : run(lanes, {}, seed).happenings) out.push_back(one.at);
    return out;
  };
  CHECK(times(1) == times(1));
  CHECK(times(1) != times(2));
}
