// Whole races over real coroutines: who wins, who never does, what is left behind, and what is remembered.
#include "world.hpp"

#include <boost/asio/post.hpp>

using namespace landfall;
using namespace landfall::fakes;
using base::outcome;
using fallback::race_result;
using fallback::race_routes;

namespace {

constexpr base::unix_time hour = 3600;

std::shared_ptr<server> slow(std::shared_ptr<server> what, std::chrono::milliseconds by) {
  what->list_after = by;
  return what;
}

/// A list that is no longer fresh: tier A-.
list_options stale(std::int64_t version) {
  list_options out;
  out.version = version;
  out.issued = now - 2 * day;
  return out;
}

/// Adopts the list as if an earlier race had brought it.
void hold(sidecar& s, const list_options& what) { REQUIRE(s.state.offer_list(s.publisher_.list(what), now).adopted); }

awaitable<void> keep(awaitable<result<race_result>> op, std::optional<result<race_result>>& out) {
  auto ended = co_await std::move(op);
  out.emplace(std::move(ended));
}

/// Cancels the race from outside as soon as `lane` was asked.
awaitable<std::optional<result<race_result>>> cancelled_once_asked(awaitable<result<race_result>> op,
                                                                   std::shared_ptr<server> lane) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::scope children(executor);
  std::optional<result<race_result>> out;
  lane->on_asked = [&] { net::asio::post(executor, [&] { children.cancel(); }); };
  children.spawn(keep(std::move(op), out));
  co_await children.join();
  co_return out;
}

} // namespace

TEST_CASE("a forged list on the fastest route never wins, and waits a day") {
  sidecar s;
  const auto forger = s.serving(s.publisher_.list({.version = 99, .signers = {"mallory a", "mallory b"}}));
  const auto honest = slow(s.serving(s.publisher_.list()), 30ms);
  const auto ended = race(s, {route_to(forger, "forger"), route_to(honest, "honest")});
  CHECK(ended.won == "honest");
  CHECK(of(ended, "forger").outcome == outcome::below_threshold);
  CHECK(s.state.list().value()->order.version == 1);
  CHECK(s.penalised("forger", now + 24 * hour - 1));
  CHECK_FALSE(s.penalised("honest", now));
}

TEST_CASE("one flipped byte anywhere in the signatures or the payload loses the race") {
  sidecar s;
  auto bytes = s.publisher_.list().bytes;
  const auto payload = bytes.find("\"payload\":\"") + 200;
  bytes[payload] = bytes[payload] == 'A' ? 'B' : 'A';
  const auto ended = race(s, {route_to(s.serving({bytes}), "tampered")});
  CHECK_FALSE(ended.won);
  CHECK(of(ended, "tampered").outcome == outcome::below_threshold);
  CHECK_FALSE(s.state.list());
}

TEST_CASE("a replayed old list never ends a race") {
  SUBCASE("beside an honest route") {
    sidecar s;
    hold(s, stale(5));
    const auto replayer = s.serving(s.publisher_.list(stale(4)));
    const auto honest = slow(s.serving(s.publisher_.list({.version = 6})), 30ms);
    const auto ended = race(s, {route_to(replayer, "replayer"), route_to(honest, "honest")});
    CHECK(ended.won == "honest");
    CHECK(of(ended, "replayer").outcome == outcome::rolled_back);
    CHECK(s.watch.count("event rollback replayer") == 1);
    CHECK(s.penalised("replayer", now + hour));
  }
  SUBCASE("alone") {
    sidecar s;
    hold(s, stale(5));
    const auto ended = race(s, {route_to(s.serving(s.publisher_.list(stale(4))), "replayer")});
    CHECK_FALSE(ended.won);
    CHECK(s.state.list().value()->order.version == 5);
  }
  SUBCASE("one that is fresh by its own dates is a lagging cache: it waits for nobody, and ends nothing") {
    sidecar s;
    hold(s, stale(5));
    const auto ended = race(s, {route_to(s.serving(s.publisher_.list({.version = 4})), "lagging")});
    CHECK_FALSE(ended.won);
    CHECK(of(ended, "lagging").outcome == outcome::verified_but_older);
    CHECK_FALSE(s.penalised("lagging", now));
    CHECK(s.state.list().value()->order.version == 5);
  }
}

TEST_CASE("another list of the same version ends no race; ours is kept") {
  sidecar s;
  hold(s, stale(5));
  auto other = stale(5);
  other.peers = 3;
  const auto ended = race(s, {route_to(s.serving(s.publisher_.list(other)), "two-faced")});
  CHECK_FALSE(ended.won);
  CHECK(of(ended, "two-faced").outcome == outcome::equivocation);
  CHECK(s.watch.count("event equivocation two-faced") == 1);
  CHECK_FALSE(s.penalised("two-faced", now));
}

TEST_CASE("a list of a lower tier is adopted provisionally while the race goes on, until tier A") {
  sidecar s;
  const auto older = s.serving(s.publisher_.list(stale(1)));
  const auto fresh = slow(s.serving(s.publisher_.list({.version = 2})), 30ms);
  const auto ended = race(s, {route_to(older, "older"), route_to(fresh, "fresh")});
  CHECK(ended.won == "fresh");
  CHECK(of(ended, "older").adopted);
  CHECK(of(ended, "older").tier == trust::tier::a_minus);
  CHECK(s.state.list().value()->order.version == 2);
  const auto& lines = s.watch.lines;
  const auto provisional = std::find(lines.begin(), lines.end(), "provisional");
  CHECK(provisional < std::find(lines.begin(), lines.end(), "adopted"));
  CHECK(lines.back() == "won by fresh");
  CHECK_FALSE(s.penalised("older", now));
}

TEST_CASE("when no tier A comes the provisional list stays, and nobody has won") {
  sidecar s;
  const auto ended = race(s, {route_to(s.serving(s.publisher_.list(stale(1))), "older"),
                              route_to(sidecar::failing(outcome::refused), "down")});
  CHECK_FALSE(ended.won);
  CHECK(ended.lanes.size() == 2);
  CHECK(s.state.tier(now) == trust::tier::a_minus);
  CHECK(s.watch.lines.back() == "won by nobody");
}

TEST_CASE("a race while the list in hand is fresh ends when a route proves that there is none newer there") {
  sidecar s;
  hold(s, {.version = 7});
  const auto same = s.serving(s.publisher_.list({.version = 7}));
  const auto ended = race(s, {route_to(same, "same"), route_to(sidecar::hanging(), "slow")});
  CHECK(ended.won == "same");
  CHECK(of(ended, "same").outcome == outcome::verified_same);
  CHECK_FALSE(same->asked.at(0).unless); // requests in a race are unconditional
}

TEST_CASE("losers are cancelled and joined, and nothing is held against them") {
  sidecar s;
  const auto a = sidecar::hanging(), b = sidecar::hanging();
  const auto winner = slow(s.serving(s.publisher_.list()), 10ms);
  const auto ended = race(s, {route_to(a, "a"), route_to(b, "b"), route_to(winner, "winner")});
  CHECK(ended.won == "winner");
  for (const auto* loser : {"a", "b"}) {
    CHECK(of(ended, loser).outcome == outcome::cancelled);
    CHECK_FALSE(s.record(loser));
  }
  CHECK(a->living + b->living + winner->living == 0);
  CHECK(a->asked.size() == 1);
  CHECK(s.watch.ended.size() == 3);
  CHECK(s.watch.lines.front() == "race 3");
  CHECK(s.watch.lines.back() == "won by winner");
}

TEST_CASE("cancelled from outside: joined, and what had ended by itself is remembered") {
  sidecar s;
  const auto down = sidecar::failing(outcome::timed_out);
  const auto hanging = sidecar::hanging();
  auto op = race_routes(1, {route_to(down, "down"), route_to(hanging, "hanging")}, s.context());
  const auto ended = run(cancelled_once_asked(std::move(op), hanging));
  REQUIRE(ended);
  REQUIRE_FALSE(ended->has_value());
  CHECK(ended->error().what == outcome::cancelled);
  CHECK(hanging->asked.size() == 1);
  CHECK(hanging->living == 0);
  CHECK(s.penalised("down", now + 179));
  CHECK_FALSE(s.record("hanging"));
  CHECK(s.watch.count("end hanging cancelled") == 1);
  CHECK(s.watch.lines.back() == "won by nobody");
}

TEST_CASE("a route that hangs for ever is cut by the whole deadline and waits three minutes") {
  sidecar s;
  s.deadlines.whole = 20ms;
  const auto hanging = sidecar::hanging();
  const auto ended = race(s, {route_to(hanging, "hanging")});
  CHECK_FALSE(ended.won);
  CHECK(of(ended, "hanging").outcome == outcome::timed_out);
  CHECK(ended.elapsed >= 20ms);
  CHECK(hanging->living == 0);
  CHECK(s.penalised("hanging", now + 179));
}

TEST_CASE("a penalised route is not touched, but listed with the reason") {
  sidecar s;
  const auto down = sidecar::failing(outcome::timed_out);
  (void)race(s, {route_to(down, "down")});
  REQUIRE(down->asked.size() == 1);

  const auto good = s.serving(s.publisher_.list());
  const auto ended = race(s, {route_to(down, "down"), route_to(good, "good")});
  CHECK(ended.won == "good");
  CHECK(down->asked.size() == 1);
  CHECK(of(ended, "down").outcome == outcome::cancelled);
  CHECK(of(ended, "down").error.find("penalised until 20") == 0);
  CHECK(s.record("down")->failed() == 1);

  s.clock.set_wall(now + 180);
  (void)race(s, {route_to(down, "down")});
  CHECK(down->asked.size() == 2);
}

TEST_CASE("a penalty from a clock that has been set back since is capped when a race begins") {
  sidecar s;
  s.clock.set_wall(now + 3650 * day);
  const auto forger = s.serving(s.publisher_.list({.signers = {"mallory a", "mallory b"}}));
  (void)race(s, {route_to(forger, "forger")});
  s.clock.set_wall(now);
  (void)race(s, {route_to(forger, "forger")});
  CHECK(s.penalised("forger", now + 24 * hour - 1));
  CHECK_FALSE(s.penalised("forger", now + 24 * hour));
}

TEST_CASE("outcomes are recorded once, after the race") {
  sidecar s;
  const auto down = sidecar::failing(outcome::refused);
  const auto good = slow(s.serving(s.publisher_.list()), 10ms);
  bool recorded_early = false;
  good->answers = [&, inner = good->answers](const document_request& request) {
    recorded_early = recorded_early || s.record("down");
    return inner(request);
  };
  const auto ended = race(s, {route_to(down, "down"), route_to(good, "good")});
  CHECK(of(ended, "down").outcome == outcome::refused);
  CHECK_FALSE(recorded_early);
  CHECK(s.record("down")->failed() == 1);
  CHECK(s.record("good")->wins == 1);
}

TEST_CASE("lanes that walk the root chain side by side are not blamed for each other's progress") {
  sidecar s;
  const auto& p = s.publisher_;
  root_options second;
  second.version = 2;
  second.list_keys = {"new a", "new b"};
  auto third = second;
  third.version = 3;
  list_options fresh;
  fresh.root_version = 3;
  fresh.signers = {"new a", "new b"};
  std::vector<fallback::route> routes;
  std::vector<std::shared_ptr<server>> servers;
  for (const auto* name : {"one", "two", "three"}) {
    servers.push_back(slow(s.serving(p.list(fresh), {p.root(second), p.root(third)}), 10ms));
    servers.back()->root_after = 10ms;
    routes.push_back(route_to(servers.back(), name));
  }
  const auto ended = race(s, std::move(routes));
  CHECK(ended.won);
  CHECK(s.state.root()->version == 3);
  CHECK(s.watch.count("event root_adopted one") + s.watch.count("event root_adopted two") +
            s.watch.count("event root_adopted three") ==
        2);
  for (const auto& lane : ended.lanes) CHECK_FALSE(s.penalised(lane.route, now));
}

TEST_CASE("routes are raced by tier, whatever their order; no routes is a race that nobody wins") {
  sidecar s;
  const auto first = sidecar::failing(outcome::refused), second = s.serving(s.publisher_.list());
  const auto ended = race(s, {route_to(second, "second", 2), route_to(first, "first", 1)});
  CHECK(ended.won == "second");
  CHECK(ended.lanes.at(0).route == "first");
  CHECK(ended.number == 1);
  CHECK(ended.elapsed >= s.settings.tier_gap);

  CHECK_FALSE(race(s, {}).won);
}

TEST_CASE("an exception out of a fetch is a bug that is not swallowed, and leaves no lane behind") {
  sidecar s;
  const auto hanging = sidecar::hanging();
  const auto broken = sidecar::failing(outcome::refused, 10ms);
  broken->answers = [](const document_request&) -> server::answer { throw std::logic_error("a bug"); };
  CHECK_THROWS_AS(run(race_routes(1, {route_to(hanging, "hanging"), route_to(broken, "broken")}, s.context())),
                  std::logic_error);
  CHECK(hanging->living == 0);
}

TEST_CASE("the poll asks with the identity of the list in hand and records how it went") {
  sidecar s;
  hold(s, {.version = 7});
  auto from = std::make_shared<server>();
  from->answers = [](const document_request& request) -> server::answer {
    if (request.type == trust::document_type::root)
      return base::fail(outcome::http_status, "404", base::stage::none, 404);
    return base::fail(outcome::not_modified);
  };
  const auto report = run(fallback::poll_route(route_to(from, "r"), s.context(), false));
  CHECK(report.outcome == outcome::not_modified);
  CHECK_FALSE(report.tier); // it proves reachability, never freshness
  REQUIRE(from->asked.size() == 1);
  CHECK(from->asked[0].unless == s.state.list()->id());
  CHECK(s.record("r")->last == outcome::not_modified);
  CHECK(s.record("r")->wins == 0);

  (void)run(fallback::poll_route(route_to(from, "r"), s.context(), true));
  REQUIRE(from->asked.size() == 3);
  CHECK(from->asked[1].type == trust::document_type::root);
  CHECK_FALSE(from->asked[1].unless);
}

TEST_CASE("the poll of a penalised route is not made") {
  sidecar s;
  const auto down = sidecar::failing(outcome::timed_out);
  CHECK(run(fallback::poll_route(route_to(down, "down"), s.context(), false)).outcome == outcome::timed_out);
  const auto second = run(fallback::poll_route(route_to(down, "down"), s.context(), true));
  CHECK(second.outcome == outcome::cancelled);
  CHECK(second.error.find("penalised until") == 0);
  CHECK(down->asked.size() == 1);
}

TEST_CASE("with the clock off, one lane of a race goes on without the certificate's dates") {
  sidecar s;
  const auto picky = [&] {
    auto from = slow(s.serving(s.publisher_.list()), 10ms);
    from->answers = [inner = from->answers](const document_request& request) -> server::answer {
      if (!request.ignore_dates) return base::fail(outcome::clock_suspect, "not yet valid", base::stage::tls);
      return inner(request);
    };
    return from;
  };
  const auto one = picky(), two = picky();
  const auto ended = race(s, {route_to(one, "one"), route_to(two, "two")});
  CHECK(ended.won == "one");
  CHECK(of(ended, "one").dates_ignored);
  CHECK(one->asked.size() == 2);
  CHECK(two->asked.size() == 1);
}
