// In which order routes are tried, and what a week of networks makes of it.
#include "simulator.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace landfall::simulation;
using namespace std::chrono_literals;
using base::outcome;
using config::exposure;
using fallback::standing;

namespace {

constexpr base::unix_time day = 24 * 3600;

fallback::route route(std::string name, int tier, std::string kind = "https") {
  fallback::route out;
  out.name = std::move(name);
  out.kind = std::move(kind);
  out.tier = tier;
  return out;
}

const std::vector<fallback::route> usual{route("one", 1),
                                         route("two", 1),
                                         route("front", 1, "fronted"),
                                         route("bridge", 2, "bridge"),
                                         route("onion", 3, "onion"),
                                         route("zone", 4, "dns")};

struct machine {
  fallback::network_memory memory{base::secret(std::string(fallback::memory_secret_size, 'k'))};
  fallback::network_id here = memory.network_of("home");
  base::unix_time now = 1'795'132'800;
  exposure how = exposure::balanced;

  void met(std::string_view name, outcome what, std::chrono::milliseconds after = 400ms, int times = 1) {
    for (const auto& one : usual) {
      if (one.name != name) continue;
      fallback::lane_report report;
      report.route = one.name;
      report.outcome = what;
      report.elapsed = after;
      if (what == outcome::won) report.tier = trust::tier::a;
      for (int i = 0; i < times; ++i) memory.record(here, one, report, now, 0.5);
    }
  }
  [[nodiscard]] std::vector<fallback::ranked> rank() const { return fallback::rank(usual, memory, here, how, now); }
  /// "one two front", a route that waits in brackets.
  [[nodiscard]] std::string order() const {
    std::string out;
    for (const auto& one : rank()) {
      const auto& name = usual[one.route].name;
      out += (out.empty() ? "" : " ") + (one.waits ? "(" + name + ")" : name);
    }
    return out;
  }
  [[nodiscard]] standing of(std::string_view name) const {
    for (const auto& one : rank())
      if (usual[one.route].name == name) return one.why;
    return standing::left_out;
  }
};

} // namespace

TEST_CASE("without a memory: tiers, then the order of the file") {
  for (const auto how : {exposure::fast, exposure::balanced, exposure::quiet}) {
    machine one;
    one.how = how;
    CHECK(one.order() ==
          (how == exposure::quiet ? "front one two bridge onion zone" : "one two front bridge onion zone"));
  }
  machine empty;
  CHECK(fallback::rank({}, empty.memory, empty.here, empty.how, empty.now).empty());
}

TEST_CASE("tiers never fall along the order, whatever is remembered") {
  machine one;
  one.met("onion", outcome::won);
  one.met("one", outcome::http_status);
  for (const auto how : {exposure::fast, exposure::balanced, exposure::quiet}) {
    one.how = how;
    int tier = 0;
    for (const auto& each : one.rank()) {
      if (each.why == standing::left_out) continue;
      CHECK(each.as.tier >= tier);
      tier = each.as.tier;
    }
  }
}

TEST_CASE("memory moves a route within its tier, and back as it fades") {
  machine one;
  one.met("one", outcome::http_status);
  one.now += 60; // the penalty is over
  CHECK(one.order() == "two front one bridge onion zone");
  CHECK(one.of("one") == standing::doubted);
  CHECK_MESSAGE(one.of("two") == standing::configured, "untried is neither first nor last");
  one.now += 7 * day;
  CHECK(one.order() == "one two front bridge onion zone");
}

TEST_CASE("one proven winner crosses the tiers, with a head start; the others stay where they were") {
  machine one;
  one.met("onion", outcome::won, 8000ms);
  CHECK(one.order() == "onion one two front bridge zone");
  const auto ranked = one.rank();
  CHECK(ranked[0].why == standing::proven);
  CHECK(ranked[0].as.head_start == 1s);
  CHECK_MESSAGE(ranked[0].as.tier == ranked[1].as.tier, "the others wait for its head start, not for a tier gap");
  for (std::size_t i = 1; i < ranked.size(); ++i) CHECK(ranked[i].as.head_start == 0s);

  one.met("front", outcome::won, 300ms);
  CHECK_MESSAGE(one.order() == "front one two bridge onion zone", "of two the quicker one");
  one.met("front", outcome::won, 300ms, 3);
  one.met("front", outcome::front_refused);
  CHECK_MESSAGE(one.order().starts_with("onion"), "not one that waits");
  one.now += 5 * day;
  CHECK_MESSAGE(one.rank()[0].as.head_start == 0s, "wins of five days ago are not proof enough");
}

TEST_CASE("of the proven ones the one that is most quickly done goes first, as soon as that is more than noise") {
  machine one;
  one.met("one", outcome::won, 420ms, 4);
  one.met("front", outcome::won, 400ms);
  CHECK_MESSAGE(one.order().starts_with("one"), "a twentieth is noise");
  machine other;
  other.met("one", outcome::won, 420ms, 4);
  other.met("front", outcome::won, 245ms);
  CHECK_MESSAGE(other.order().starts_with("front"), "1.7 times as quick, though it won only once");
  machine loose;
  for (const auto ms : {200ms, 600ms, 420ms, 250ms, 590ms}) loose.met("one", outcome::won, ms);
  loose.met("front", outcome::won, 300ms);
  CHECK_MESSAGE(loose.order().starts_with("one"), "it varies by more than that");
  other.now += 60;
  other.met("front", outcome::http_status);
  other.now += 120;
  CHECK_MESSAGE(other.order().starts_with("one"), "not when every other attempt fails");
}

TEST_CASE("what happened on one network counts on that one alone") {
  machine one;
  one.met("onion", outcome::won);
  one.here = one.memory.network_of("work");
  CHECK(one.order() == "one two front bridge onion zone");
}

TEST_CASE("exposure: conspicuous routes beside, a tier gap behind, or far behind the quiet ones") {
  const std::vector<fallback::route> one_tier{route("bridge", 1, "bridge"), route("one", 1)};
  machine one;
  const auto tiers = [&](exposure how) {
    std::vector<int> out;
    for (const auto& each : fallback::rank(one_tier, one.memory, one.here, how, one.now)) out.push_back(each.as.tier);
    return out;
  };
  CHECK(tiers(exposure::fast)[0] == tiers(exposure::fast)[1]);
  CHECK(tiers(exposure::balanced)[0] < tiers(exposure::balanced)[1]);
  CHECK(tiers(exposure::quiet)[0] < tiers(exposure::quiet)[1]);

  one.met("bridge", outcome::won);
  CHECK_MESSAGE(one.order().starts_with("bridge"), "balanced: proven goes first, however it looks");
  one.how = exposure::quiet;
  CHECK_MESSAGE(one.order().starts_with("front"), "quiet: never before a quiet one that may be tried");
  CHECK(one.of("zone") == standing::left_out);
  for (const auto* name : {"one", "two", "front"}) one.met(name, outcome::tls_certificate);
  CHECK_MESSAGE(one.of("bridge") == standing::proven, "unless there is none");
}

TEST_CASE("a route says itself what it shows, or its kind does") {
  auto webtunnel = route("webtunnel", 2, "bridge");
  CHECK(fallback::visibility_of(webtunnel).cost == fallback::cost::conspicuous);
  webtunnel.seen = fallback::visibility{};
  CHECK(fallback::visibility_of(webtunnel).cost == fallback::cost::quiet);
  CHECK(fallback::visibility_of(route("a", 1)).shows_name);
  CHECK_FALSE(fallback::visibility_of(route("a", 1, "fronted")).shows_name);
  CHECK(fallback::visibility_of(route("a", 1, "dns")).cost == fallback::cost::telling);
}

TEST_CASE("a story: blocked at home, remembered the next day, something else at work, unblocked in the end") {
  auto direct = failing(300ms, outcome::reset_after_hello);
  direct.name = "direct";
  direct.group = "direct.example.net";
  direct.where = {"198.51.100.7", 443, {}};
  auto front = winning(700ms, 2);
  front.name = "front";
  front.kind = "fronted";
  world one;
  auto seen = one.race({direct, front}, 1);
  REQUIRE(seen.winner == 1);
  CHECK_MESSAGE(seen.decided < 1100ms, "a name was filtered: what shows none is next, without the gap of its tier");

  one.now += day / 2;
  seen = one.race({direct, front}, 2);
  CHECK(seen.winner == 1);
  CHECK(seen.decided == 700ms);
  CHECK_MESSAGE(seen.only(happening::kind::started).size() == 1, "the winner is alone for a second");

  one.network = "work";
  auto open = winning(200ms);
  open.name = "direct";
  open.group = direct.group;
  seen = one.race({open, front}, 3);
  CHECK(seen.winner == 0);
  CHECK(seen.decided == 200ms);

  one.network = "home";
  one.now += 30 * day;
  seen = one.race({open, front}, 4);
  CHECK_MESSAGE(seen.winner == 0, "a month later nothing is held against anybody");
}
