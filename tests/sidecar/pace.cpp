#include "sidecar/pace.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace landfall;
using namespace std::chrono_literals;
using sidecar::pace;

namespace {

constexpr std::uint64_t seed = 20261120;
constexpr base::steady_time start{std::chrono::hours(1000)};
const pace::facts fresh{true, true, 0ms}, nothing{false, false, 0ms}, stale{false, true, 0ms};

/// The times of the next `count` races when each brings nothing new.
std::vector<pace::duration> pauses(pace& p, const pace::facts& known, int count) {
  std::vector<pace::duration> out;
  auto now = start;
  for (int i = 0; i < count; ++i) {
    p.raced(now, known);
    const auto step = p.next(now, known);
    CHECK(step.what == pace::act::wait);
    out.push_back(std::chrono::duration_cast<pace::duration>(step.until - now));
    now = step.until;
    CHECK(p.next(now, known).what == pace::act::race);
  }
  return out;
}

} // namespace

TEST_CASE("with nothing fresh a race is due at the start") {
  const pace p(start, seed);
  CHECK(p.next(start, nothing).what == pace::act::race);
  CHECK(p.next(start, stale).what == pace::act::race);
}

TEST_CASE("with a fresh list there is no race, for days, but polls 4 to 8 hours apart") {
  pace p(start, seed);
  auto now = start;
  auto last = now;
  for (int polls = 0; polls < 100; ++polls) {
    const auto step = p.next(now, fresh);
    REQUIRE(step.what == pace::act::wait);
    now = step.until;
    REQUIRE(p.next(now, fresh).what == pace::act::poll);
    const auto gap = now - last;
    if (polls == 0) {
      CHECK(gap >= 10min);
      CHECK(gap <= 60min);
    } else {
      CHECK(gap >= 4h);
      CHECK(gap <= 8h);
    }
    last = now;
    (void)p.polled(now, "https");
  }
}

TEST_CASE("at least two kinds are polled a day, and a new root is looked for once a day") {
  pace p(start, seed);
  auto now = start;
  std::map<std::string, std::vector<base::steady_time>> polls;
  std::vector<base::steady_time> roots;
  while (now < start + 30 * 24h) {
    now = p.next(now, fresh).until;
    const auto kind = p.kind_to_poll({"https", "fronted", "onion"});
    polls[kind].push_back(now);
    if (p.polled(now, kind)) roots.push_back(now);
  }
  CHECK(polls.size() == 3);
  for (const auto& [kind, times] : polls)
    for (std::size_t i = 1; i < times.size(); ++i) CHECK_MESSAGE(times[i] - times[i - 1] <= 24h, kind);
  CHECK(roots.front() - start <= 60min);
  for (std::size_t i = 1; i < roots.size(); ++i) {
    CHECK(roots[i] - roots[i - 1] >= 21h);
    CHECK(roots[i] - roots[i - 1] <= 32h);
  }
}

TEST_CASE("races that bring nothing come at growing pauses: to 5 minutes, to an hour with something in hand") {
  struct row {
    const char* name;
    pace::facts known;
    pace::duration longest;
  };
  for (const auto& row : {row{"nothing in hand", nothing, 5min}, row{"an older list in hand", stale, 1h}}) {
    CAPTURE(row.name);
    pace p(start, seed);
    const auto times = pauses(p, row.known, 20);
    pace::duration expected = 2s;
    for (const auto pause : times) {
      CHECK(pause >= expected * 4 / 5);
      CHECK(pause <= expected * 6 / 5);
      expected = std::min(expected * 2, row.longest);
    }
  }
}

TEST_CASE("pauses are short again after a fresh list") {
  pace p(start, seed);
  (void)pauses(p, nothing, 8);
  p.raced(start, fresh);
  p.raced(start + 1h, nothing);
  CHECK(p.next(start + 1h, nothing).until <= start + 1h + 3s);
}

TEST_CASE("no race starts while every route waits, or where there is none") {
  pace p(start, seed);
  const pace::facts penalised{false, false, 180s}, no_route{false, false, std::nullopt};
  CHECK(p.next(start, penalised).what == pace::act::wait);
  CHECK(p.next(start, penalised).until == start + 180s);
  CHECK(p.race_by(start + 181s, start, penalised));
  CHECK_FALSE(p.race_by(start + 179s, start, penalised));
  CHECK(p.next(start, no_route).until == base::steady_time::max());
  p.client_waits(start);
  p.peers_failed(start);
  CHECK(p.next(start, penalised).what == pace::act::wait);
  CHECK(p.next(start, no_route).what == pace::act::wait);
}

TEST_CASE("a client that waits brings a race forward, but makes no burst of them") {
  pace p(start, seed);
  (void)pauses(p, nothing, 10);
  auto now = start + 24h;
  p.raced(now, nothing); // the next one by itself in minutes
  REQUIRE(p.next(now, nothing).until > now + 3min);
  p.client_waits(now + 1s);
  CHECK(p.next(now + 1s, nothing).until == now + 30s);
  p.client_waits(now + 2min);
  CHECK(p.next(now + 2min, nothing).what == pace::act::race);
}

TEST_CASE("when all peers failed there is a race in spite of a fresh list; the next takes longer and longer") {
  pace p(start, seed);
  p.peers_failed(start);
  CHECK(p.next(start, fresh).what == pace::act::race);
  p.raced(start, fresh);
  CHECK(p.next(start, fresh).what == pace::act::wait);
  p.peers_failed(start + 1s);
  CHECK(p.next(start + 1s, fresh).until == start + 60s);
  CHECK(p.race_by(start + 60s, start + 1s, fresh));
  p.raced(start + 60s, fresh);
  p.peer_works();
  p.peers_failed(start + 61s);
  CHECK_MESSAGE(p.next(start + 61s, fresh).until == start + 90s, "a peer that works ends the growth");
}

TEST_CASE("a refresh is answered at once, even where it can only tell how long everything waits, but not in a burst") {
  pace p(start, seed);
  const pace::facts penalised{true, true, 180s};
  p.refresh();
  CHECK(p.next(start, penalised).what == pace::act::race);
  p.raced(start, penalised);
  CHECK(p.next(start, penalised).what == pace::act::wait);
  p.refresh();
  CHECK(p.next(start, penalised).until == start + 2s);
  CHECK(p.next(start + 2s, penalised).what == pace::act::race);
}
