// What surrounds a race: penalised places, a network that changes or a machine that sleeps in the middle, being
// offline, a login page, and the comparison after a win.
#include "world.hpp"

#include <boost/asio/post.hpp>

using namespace landfall;
using namespace landfall::fakes;
using base::outcome;
using base::stage;
using fallback::race_result;
using fallback::race_routes;

namespace {

const base::place dropped{"198.51.100.7", 443, {}};

std::shared_ptr<server> failing_at(base::place where, outcome how, stage at, std::chrono::milliseconds after = 0ms) {
  auto out = sidecar::failing(how, after);
  out->answers = [where, how, at](const document_request&) -> server::answer {
    auto why = base::fail(how, "as told", at);
    why.where = where;
    return why;
  };
  return out;
}

/// As a fetch does: contacts nothing that is to be avoided.
void respect_penalties(server& of, base::place where) {
  of.answers = [where, inner = of.answers](const document_request& request) -> server::answer {
    if (request.avoid && request.avoid(where)) return base::fail(outcome::cancelled);
    return inner(request);
  };
}

/// Answers when the race is decided, however slow this machine is.
std::shared_ptr<server> after_the_win(sidecar& s, std::shared_ptr<server> what) {
  what->list_after = for_ever;
  s.watch.on_race_ended = [what] { what->release(); };
  return what;
}

fallback::route in_group(fallback::route what, std::string group) {
  what.group = std::move(group);
  return what;
}

} // namespace

TEST_CASE("a place that one lane found closed is closed to all, in this race and the next") {
  sidecar s;
  const auto first = failing_at(dropped, outcome::timed_out, stage::connect);
  const auto same_place = s.serving(s.publisher_.list());
  same_place->list_after = 20ms;
  respect_penalties(*same_place, dropped);
  auto known = route_to(s.serving(s.publisher_.list()), "known to lie there");
  known.places = {dropped};
  const auto ended = race(s, {route_to(first, "first"), route_to(same_place, "led there"), known});
  CHECK_FALSE(ended.won);
  CHECK(of(ended, "led there").outcome == outcome::cancelled);
  CHECK_FALSE(of(ended, "led there").penalised_until);
  CHECK(of(ended, "known to lie there").outcome == outcome::cancelled);
  CHECK(of(ended, "known to lie there").penalised_until == now + 180);
  CHECK(s.watch.count("start known to lie there") == 0);

  const auto next = race(s, {route_to(same_place, "led there"), known});
  CHECK(of(next, "led there").outcome == outcome::cancelled);
  CHECK(same_place->asked.size() == 2);
  s.here = s.memory.network_of("elsewhere");
  CHECK_MESSAGE(race(s, {route_to(same_place, "led there")}).won, "on another network the place may be open");
}

TEST_CASE(
    "the network changes, or the machine sleeps, in the middle: what ran is cancelled and counts against nobody") {
  sidecar s;
  std::uint64_t epoch = 0;
  const auto before = sidecar::failing(outcome::refused);
  const auto cut = failing_at(dropped, outcome::reset_after_hello, stage::tls, for_ever);
  const auto hanging = sidecar::hanging();
  hanging->on_asked = [&] {
    ++epoch;
    cut->release();
  };
  const auto ended = race(s, {route_to(before, "before"), route_to(cut, "cut"), route_to(hanging, "hanging")},
                          [&epoch] { return epoch; });
  CHECK(ended.interrupted);
  CHECK_FALSE(ended.won);
  CHECK_MESSAGE(s.penalised("before", now), "it had failed on the network where it ran");
  CHECK(of(ended, "cut").outcome == outcome::cancelled);
  CHECK_FALSE(s.record("cut"));
  CHECK_FALSE(s.memory.penalised().avoids(s.here, dropped, now));
  CHECK_FALSE(s.record("hanging"));
  CHECK(before->living + cut->living + hanging->living == 0);
}

TEST_CASE("a poll that is cut counts against nobody; a list that was verified counts all the same") {
  sidecar s;
  std::uint64_t epoch = 0;
  auto context = s.context();
  context.epoch = [&epoch] { return epoch; };
  const auto cut = sidecar::failing(outcome::timed_out), good = s.serving(s.publisher_.list());
  for (const auto& server : {cut, good}) server->on_asked = [&epoch] { ++epoch; };
  CHECK(run(fallback::poll_route(route_to(cut, "cut"), context, false)).outcome == outcome::cancelled);
  CHECK_FALSE(s.record("cut"));
  CHECK(s.watch.count("end cut cancelled") == 1);
  CHECK(run(fallback::poll_route(route_to(good, "good"), context, false)).outcome == outcome::won);
  CHECK(s.record("good"));
}

TEST_CASE("a change that wakes nobody is noticed within a second") {
  sidecar s;
  int asked = 0;
  const auto hanging = sidecar::hanging();
  const auto ended = race(s, {route_to(hanging, "hanging")}, [&asked] { return std::uint64_t(++asked > 3); });
  CHECK(ended.interrupted);
  CHECK(ended.elapsed < 3s);
}

TEST_CASE("a win before the change stands") {
  sidecar s;
  const auto good = s.serving(s.publisher_.list());
  s.compare = 50ms;
  const auto hanging = sidecar::hanging();
  good->list_after = 10ms;
  const auto epochs = [&s] { return std::uint64_t(s.watch.count("won by good")); };
  const auto ended = race(s, {route_to(hanging, "hanging"), route_to(good, "good")}, epochs);
  CHECK_FALSE(ended.interrupted);
  CHECK(ended.won == "good");
}

TEST_CASE("offline, or behind a login page, nobody is to blame") {
  SUBCASE("offline") {
    sidecar s;
    const auto away = failing_at(dropped, outcome::unreachable, stage::connect);
    const auto ended = race(s, {in_group(route_to(away, "a"), "a"), in_group(route_to(away, "b"), "b")});
    CHECK(ended.verdict == fallback::verdict::offline);
    CHECK(s.memory.penalised().all().empty());
  }
  SUBCASE("a login page") {
    sidecar s;
    const auto page = failing_at({"10.0.0.1", 443, {}}, outcome::tls_certificate, stage::tls);
    const auto ended = race(s, {in_group(route_to(page, "a"), "a"), in_group(route_to(page, "b"), "b")});
    CHECK(ended.verdict == fallback::verdict::captive_portal);
    CHECK(s.memory.penalised().all().empty());
  }
  SUBCASE("the same of one host") {
    sidecar s;
    const auto away = failing_at(dropped, outcome::tls_certificate, stage::tls);
    const auto ended = race(s, {route_to(away, "a")});
    CHECK(ended.verdict == fallback::verdict::open);
    CHECK(s.penalised("a", now));
  }
}

TEST_CASE("after a win one lane is compared: the race is told as ended before, and the other lane's end after") {
  sidecar s;
  s.compare = 5s;
  const auto good = s.serving(s.publisher_.list({.version = 4}));
  const auto same = after_the_win(s, s.serving(s.publisher_.list({.version = 4})));
  good->list_after = for_ever;
  const auto third = sidecar::hanging();
  third->on_asked = [&good] { good->release(); };
  const auto ended = race(s, {route_to(same, "second"), in_group(route_to(good, "good"), "host"),
                              in_group(route_to(third, "third"), "host")});
  CHECK(ended.won == "good");
  CHECK(of(ended, "second").outcome == outcome::verified_same);
  CHECK(of(ended, "third").error == "cancelled: good won first");
  const auto& lines = s.watch.lines;
  const auto at = [&lines](std::string_view line) { return std::find(lines.begin(), lines.end(), line); };
  CHECK(at("won by good") != lines.end());
  CHECK(at("adopted") < at("won by good"));
  CHECK(at("end third cancelled") < at("won by good"));
  CHECK(at("won by good") < at("end second verified_same"));
  CHECK(s.watch.count("won by good") == 1);
}

TEST_CASE("two publishers' words for one version are told as equivocation although the race is won") {
  sidecar s;
  s.compare = 5s;
  const auto one = s.serving(s.publisher_.list({.version = 4}));
  const auto two = after_the_win(s, s.serving(s.publisher_.list({.version = 4, .peers = 3})));
  const auto ended = race(s, {route_to(two, "two"), route_to(one, "one")});
  CHECK(ended.won == "one");
  CHECK(of(ended, "two").outcome == outcome::equivocation);
  CHECK(s.watch.count("event equivocation two") == 1);
}

TEST_CASE("a route without the newest list, long after another has it, is told as frozen") {
  struct row {
    const char* name;
    std::int64_t first, second; ///< versions
    base::unix_time age;        ///< of the newer one
    const char* event;          ///< nullptr: none
  };
  const row rows[] = {
      {"the winner was behind", 4, 5, 2 * 3600, "event frozen first"},
      {"the other was behind", 5, 4, 2 * 3600, "event frozen second"},
      {"the newer one is new: a cache that follows", 4, 5, 60, nullptr},
      {"both the same", 5, 5, 2 * 3600, nullptr},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    sidecar s;
    s.compare = 5s;
    const auto list = [&](std::int64_t version) {
      list_options how;
      how.version = version;
      how.issued = now - row.age - (version == 5 ? 0 : 60);
      return s.serving(s.publisher_.list(how));
    };
    const auto first = list(row.first), second = list(row.second);
    (void)after_the_win(s, second);
    const auto ended = race(s, {route_to(second, "second"), route_to(first, "first")});
    CHECK(ended.won == "first");
    std::ptrdiff_t frozen = 0;
    for (const auto* event : {"event frozen first", "event frozen second"}) frozen += s.watch.count(event);
    CHECK(frozen == (row.event ? 1 : 0));
    if (row.event) CHECK(s.watch.count(row.event) == 1);
  }
}

TEST_CASE("a route that ended before the win with what is long replaced is told as frozen too") {
  struct row {
    const char* name;
    list_options held, served;
    std::ptrdiff_t frozen;
  };
  const auto past = [](std::int64_t version) { return list_options{.version = version, .issued = now - 2 * day}; };
  const row rows[] = {
      {"the list in hand, past its time", past(4), past(4), 1},
      {"a newer one, past its time as well", past(3), past(4), 1},
      {"a replay: that is what is told", past(4), past(3), 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    sidecar s;
    const auto held = s.state.offer_list(s.publisher_.list(row.held), now);
    REQUIRE(held.adopted);
    const auto good = s.serving(s.publisher_.list({.version = 5, .issued = now - 2 * 3600}));
    const auto holding = s.serving(s.publisher_.list(row.served));
    good->list_after = holding->list_after = for_ever;
    good->on_asked = [&holding] { holding->release(); };
    s.watch.on_lane_ended = [&good] { good->release(); };
    const auto ended = race(s, {route_to(holding, "holding"), route_to(good, "good")});
    CHECK(ended.won == "good");
    CHECK(s.state.list().value()->order.version == 5);
    CHECK(s.watch.count("event frozen holding") == row.frozen);
  }
}

TEST_CASE("the comparison ends after its time, and with the race when that is cancelled") {
  sidecar s;
  s.compare = 30ms;
  const auto hanging = sidecar::hanging(), good = s.serving(s.publisher_.list());
  good->list_after = 10ms;
  const auto ended = race(s, {route_to(hanging, "hanging"), route_to(good, "good")});
  CHECK(ended.won == "good");
  CHECK(of(ended, "hanging").outcome == outcome::cancelled);
  CHECK(hanging->living == 0);
  CHECK_FALSE(s.record("hanging"));
}

TEST_CASE("what worked on this network goes first the next time, alone") {
  sidecar s;
  const auto down = sidecar::failing(outcome::http_status), good = s.serving(s.publisher_.list());
  (void)race(s, {route_to(down, "down"), route_to(good, "good", 2)});
  REQUIRE(down->asked.size() == 1);
  s.clock.set_wall(now + 60);
  const auto ended = race(s, {route_to(down, "down"), route_to(good, "good", 2)});
  CHECK(ended.won == "good");
  CHECK(down->asked.size() == 1);
}
