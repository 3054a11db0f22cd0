// What is believed over time: order, floors, tiers, clocks, epochs, seeds.
#include "trust/state.hpp"

#include "tests/fakes/publisher.hpp"
#include "tests/trust/said.hpp"
#include "trust/limits.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using fakes::day;
using fakes::now;
using tests::names_of;
using tests::said;
using tests::tier_of;
namespace json = boost::json;

namespace {

const fakes::publisher publisher("testnet");

trust::state fresh_state(const fakes::root_options& root = {}, base::unix_time build = now - 20 * day) {
  return {{.network = "testnet", .channel = "public-0", .lab = false, .build = build}, publisher.anchor(root)};
}

std::int64_t version_in_hand(const trust::state& s) { return s.list() ? (*s.list())->order.version : 0; }

} // namespace

TEST_CASE("The tier goes by the list's dates and the root's") {
  struct row {
    const char* name;
    base::unix_time wall;
    const char* tier;
    const char* what;
  };
  const row rows[] = {
      {"at its issue", now, "A", "won"},
      {"on its last fresh second", now + day, "A", "won"},
      {"a second later", now + day + 1, "A-", "verified_but_older"},
      {"on its last valid second", now + 14 * day, "A-", "verified_but_older"},
      {"a second expired", now + 14 * day + 1, "B", "verified_but_older"},
      {"30 days expired", now + 44 * day, "B", "verified_but_older"},
      {"a second more", now + 44 * day + 1, "C", "expired"},
      {"a clock ten years behind", now - 3650 * day, "A", "won"},
      {"a clock ten years ahead", now + 3650 * day, "C", "expired"},
      {"a clock at 0", 0, "A", "won"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto s = fresh_state();
    const auto v = s.offer_list(publisher.list(), row.wall);
    CHECK(tier_of(v) == row.tier);
    CHECK(said(v) == row.what);
    CHECK(v.adopted); // over nothing, every authentic list is better
    CHECK(trust::name(*s.tier(row.wall)) == row.tier);
  }
}

TEST_CASE("An expired root lowers every list to tier B at best and refuses none") {
  auto s = fresh_state({.expires = now + 3600});
  const auto v = s.offer_list(publisher.list(), now + 3601);
  CHECK(tier_of(v) == "B");
  CHECK(v.adopted);
  CHECK(trust::name(*s.tier(now)) == "A"); // by a clock that says the root still holds
}

TEST_CASE("Lists stand in the order of epoch and version") {
  struct row {
    const char* name;
    fakes::list_options offered;
    base::unix_time wall;
    const char* what;
    bool adopted;
    const char* events;
  };
  // In hand: (1, 10), issued now.
  const row rows[] = {
      {"the same", {.version = 10}, now, "verified_same", false, ""},
      {"a newer one", {.version = 11, .issued = now + 60}, now + 60, "won", true, "list_adopted"},
      {"a newer one, older by date", {.version = 11, .issued = now - day}, now, "won", true, "list_adopted"},
      {"an older one, still fresh: a lagging cache", {.version = 9}, now, "verified_but_older", false, ""},
      {"an older one on its last fresh second", {.version = 9}, now + day, "verified_but_older", false, ""},
      {"an older one past that", {.version = 9}, now + day + 1, "rolled_back", false, "rollback"},
      {"version 0", {.version = 0}, now + day + 1, "rolled_back", false, "rollback"},
      {"the same version with other bytes", {.version = 10, .peers = 5}, now, "equivocation", false, "equivocation"},
      {"the same version with other bytes, expired",
       {.version = 10, .peers = 5},
       now + 60 * day,
       "equivocation",
       false,
       "equivocation"},
      {"one version more, expired",
       {.version = 11, .issued = now - 20 * day},
       now,
       "verified_but_older",
       true,
       "frozen list_adopted"},
      {"one version more, long expired",
       {.version = 11, .issued = now - 90 * day},
       now,
       "expired",
       true,
       "frozen list_adopted"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto s = fresh_state();
    REQUIRE(said(s.offer_list(publisher.list({.version = 10}), now)) == "won");
    const auto v = s.offer_list(publisher.list(row.offered), row.wall);
    CHECK(said(v) == row.what);
    CHECK(v.adopted == row.adopted);
    CHECK(names_of(v.events) == row.events);
    CHECK(version_in_hand(s) == (row.adopted ? row.offered.version : 10));
    CHECK(s.stored_floor()->order.version == version_in_hand(s));
  }
}

TEST_CASE("The same payload in another envelope is the same list") {
  auto s = fresh_state();
  const auto payload = fakes::text(publisher.list_payload());
  CHECK(said(s.offer_list(fakes::sign(trust::document_type::list, payload, {"list a", "list b"}), now)) == "won");
  // Other signers, fresh randomness, white space: the identity is the hash of the payload.
  auto again = fakes::sign(trust::document_type::list, payload, {"list c", "list b"});
  again.bytes += "\n";
  CHECK(said(s.offer_list(again, now)) == "verified_same");
}

TEST_CASE("An equivocation keeps ours, and both as evidence") {
  auto s = fresh_state();
  const auto ours = publisher.list({.version = 10}), other = publisher.list({.version = 10, .peers = 5});
  REQUIRE(s.offer_list(ours, now).adopted);
  const auto v = s.offer_list(other, now);
  CHECK(v.detail.find((*s.list()).id().hex()) != std::string::npos);
  CHECK(s.list()->envelope() == ours.bytes);
  CHECK(s.evidence() == std::vector<std::string>{ours.bytes, other.bytes});
  // Told again, but kept once.
  CHECK(names_of(s.offer_list(other, now).events) == "equivocation");
  CHECK(s.evidence().size() == 2);
  for (std::size_t peers = 6; peers < 12; ++peers)
    (void)s.offer_list(publisher.list({.version = 10, .peers = peers}), now);
  CHECK(s.evidence().size() == 4);
  CHECK(trust::dangerously_peek(s.evidence().back())->payload ==
        fakes::text(publisher.list_payload({.version = 10, .peers = 11})));
}

TEST_CASE("What is refused changes nothing") {
  auto s = fresh_state();
  REQUIRE(s.offer_list(publisher.list({.version = 10}), now).adopted);
  const auto floor = s.stored_floor()->order;
  const auto accepted = s.accepted_time();
  const trust::unverified_document bad[] = {
      publisher.list({.version = 11, .issued = now + 9 * day, .signers = {"list a"}}),       // forged
      fakes::publisher("other").list({.version = 12, .issued = now + 9 * day}),              // another network
      fakes::publisher("testnet", "small-0").list({.version = 13, .issued = now + 9 * day}), // another channel
      publisher.list({.version = 14, .root_version = 2, .issued = now + 9 * day}),           // root needed
      publisher.list({.version = 15, .issued = now + 9 * day, .valid_for = 32 * day}),       // malformed
      publisher.list({.version = 9, .issued = now + 9 * day}),                               // older
      publisher.list({.version = 10, .issued = now + 9 * day}),                              // equivocation
      {""},
  };
  for (const auto& document : bad) {
    const auto v = s.offer_list(document, now);
    CAPTURE(said(v));
    CHECK_FALSE(v.adopted);
    CHECK(version_in_hand(s) == 10);
    CHECK(s.stored_floor()->order == floor);
    CHECK(s.accepted_time() == accepted);
  }
  CHECK(said(s.offer_root(publisher.root({.version = 2, .epoch = 2, .signers = {"root a"}}), now)) == "bad_root");
  CHECK(s.root()->version == 1);
  CHECK(version_in_hand(s) == 10);
}

TEST_CASE("A route that brings only what expired long ago is frozen") {
  auto s = fresh_state();
  const auto list = publisher.list();
  REQUIRE(s.offer_list(list, now).adopted);
  const auto expires = now + 14 * day;
  CHECK(names_of(s.offer_list(list, expires).events).empty());
  CHECK(names_of(s.offer_list(list, expires + day).events).empty()); // a day's grace
  CHECK(names_of(s.offer_list(list, expires + day + 1).events) == "frozen");
}

TEST_CASE("Fast-forward: a new epoch ends the largest version at once") {
  auto s = fresh_state();
  constexpr auto largest = (std::int64_t{1} << 53) - 1;
  REQUIRE(s.offer_list(publisher.list({.version = largest}), now).adopted);
  CHECK(said(s.offer_list(publisher.list({.version = 12, .issued = now + 2 * day}), now + 4 * day)) == "rolled_back");
  // Nor may stolen list keys run ahead into an epoch that no root gave.
  CHECK(said(s.offer_list(publisher.list({.epoch = 2, .version = 1}), now)) == "root_needed");

  const auto events = s.offer_root(publisher.root({.version = 2, .epoch = 2, .list_keys = {"list x", "list y"}}), now);
  REQUIRE(events.has_value());
  CHECK(names_of(*events) == "root_adopted");
  CHECK_FALSE(s.list()); // what the stolen keys signed is no longer handed over
  CHECK_FALSE(s.tier(now));
  CHECK(said(s.offer_list(publisher.list({.version = largest}), now)) == "below_threshold");
  const auto recovered = publisher.list({.epoch = 2, .version = 1, .root_version = 2, .signers = {"list x", "list y"}});
  CHECK(said(s.offer_list(recovered, now)) == "won");
  CHECK(version_in_hand(s) == 1);
}

TEST_CASE("A new root ends the lists below its epoch and min_version, and only those") {
  struct row {
    const char* name;
    fakes::root_options next;
    bool kept;
  };
  const row rows[] = {
      {"nothing but a new version", {.version = 2}, true},
      {"min_version at the list", {.version = 2, .min_version = 10}, true},
      {"min_version above the list", {.version = 2, .min_version = 11}, false},
      {"a new epoch", {.version = 2, .epoch = 2}, false},
      {"other list keys, same epoch: the list keeps its worth",
       {.version = 2, .list_keys = {"list x", "list y"}},
       true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto s = fresh_state();
    const auto list = publisher.list({.version = 10});
    REQUIRE(s.offer_list(list, now).adopted);
    REQUIRE(s.offer_root(publisher.root(row.next), now).has_value());
    CHECK(s.list().has_value() == row.kept);
    CHECK(s.list_root() == (row.kept ? 1 : 0));
    CHECK(s.stored_floor()->order.version == 10); // never lowered
  }
  auto s = fresh_state({.epoch = 3, .min_version = 10});
  CHECK(said(s.offer_list(publisher.list({.epoch = 3, .version = 9}), now)) == "rolled_back");
  CHECK(said(s.offer_list(publisher.list({.epoch = 2, .version = 99}), now)) == "rolled_back");
  CHECK(said(s.offer_list(publisher.list({.epoch = 3, .version = 10}), now)) == "won");
}

TEST_CASE("The chain of roots is followed step by step") {
  auto s = fresh_state();
  const auto keys_of = [](std::int64_t version) {
    return fakes::names{"root " + std::to_string(version), "root " + std::to_string(version + 1)};
  };
  const auto root = [&](std::int64_t version) {
    auto signers = version == 2 ? fakes::names{"root a", "root b"} : keys_of(version - 1);
    const auto mine = keys_of(version);
    signers.push_back(mine[1]);
    if (version == 2) signers.push_back(mine[0]);
    return publisher.root({.version = version, .root_keys = mine, .signers = signers});
  };
  CHECK(said(s.offer_root(root(3), now)) == "bad_root");     // the middle is missing
  for (std::int64_t version = 2; version <= 34; ++version) { // 33 rotations: how many per run is the caller's bound
    CAPTURE(version);
    REQUIRE(said(s.offer_root(root(version), now)) == "accepted");
  }
  CHECK(s.root()->version == 34);
  CHECK(s.roots().size() == 34);
  CHECK(said(s.offer_root(root(34), now)) == "bad_root"); // again
  CHECK(said(s.offer_list(publisher.list({.root_version = 34}), now)) == "won");
}

TEST_CASE("Known time moves with what is accepted, and never by what is not signed") {
  const base::unix_time y2015 = 1420070400;
  SUBCASE("a clock behind is told, and overtaken") {
    auto s = fresh_state({}, 0);
    CHECK(s.time(y2015).now() == now - 30 * day); // the anchor's issue
    const auto v = s.offer_list(publisher.list(), y2015);
    CHECK(said(v) == "won");
    CHECK(names_of(v.events) == "clock_behind list_adopted");
    CHECK(s.time(y2015).now() == now);
    CHECK(s.time(now + 5).now() == now + 5);
    CHECK(names_of(s.offer_list(publisher.list({.version = 2, .issued = now + 60}), now + 120).events) ==
          "list_adopted");
  }
  SUBCASE("a root from the future is told as well") {
    auto s = fresh_state({}, 0);
    CHECK(names_of(*s.offer_root(publisher.root({.version = 2, .issued = now}), y2015)) == "clock_behind root_adopted");
    CHECK(s.time(y2015).now() == now);
  }
  SUBCASE("the build is a lower bound") {
    const auto s = fresh_state({}, now + 3);
    CHECK(s.time(y2015).now() == now + 3);
  }
  SUBCASE("a list of the far future moves it to the root's end at most, and a new epoch takes that back") {
    auto s = fresh_state({.expires = now + 100 * day}, 0);
    REQUIRE(s.offer_list(publisher.list({.version = 5, .issued = now + 9999 * day}), now).adopted);
    CHECK(s.time(now).now() == now + 100 * day);
    REQUIRE(s.offer_root(publisher.root({.version = 2, .epoch = 2, .issued = now - day}), now).has_value());
    CHECK(s.time(now).now() == now);
    CHECK(said(s.offer_list(publisher.list({.epoch = 2, .version = 1, .root_version = 2}), now)) == "won");
  }
  SUBCASE("a step back of the wall clock does not make old lists fresh again") {
    auto s = fresh_state();
    REQUIRE(s.offer_list(publisher.list({.version = 5, .issued = now + 5 * day}), now + 5 * day).adopted);
    CHECK(said(s.offer_list(publisher.list({.version = 4}), now)) == "rolled_back");
  }
}

TEST_CASE("The compiled list is a floor, and what there is when nothing else is") {
  const auto seed = publisher.list({.version = 10});
  SUBCASE("over nothing it is taken, as tier C") {
    auto s = fresh_state();
    const auto v = s.offer_seed(seed);
    CHECK(v.adopted);
    CHECK(said(v) == "expired");
    CHECK(s.list_is_seed());
    CHECK(trust::name(*s.tier(now)) == "C"); // whatever its dates
    CHECK_FALSE(s.stored_floor());
    CHECK(said(s.offer_list(publisher.list({.version = 9}), now)) == "rolled_back"); // however fresh
    CHECK(said(s.offer_list(publisher.list({.version = 10, .peers = 9}), now)) == "equivocation");
    CHECK(version_in_hand(s) == 10);
  }
  SUBCASE("the same list from a route is current, so taken in its place") {
    auto s = fresh_state();
    REQUIRE(s.offer_seed(seed).adopted);
    CHECK(said(s.offer_list(seed, now)) == "won");
    CHECK_FALSE(s.list_is_seed());
    CHECK(said(s.offer_list(seed, now)) == "verified_same");
  }
  SUBCASE("it does not replace what is newer, but a newer release replaces what is older") {
    auto s = fresh_state();
    REQUIRE(s.offer_list(publisher.list({.version = 11}), now).adopted);
    CHECK(said(s.offer_seed(seed)) == "verified_but_older");
    CHECK_FALSE(s.list_is_seed());
    const auto v = s.offer_seed(publisher.list({.version = 12}));
    CHECK(v.adopted);
    CHECK(version_in_hand(s) == 12);
    CHECK(s.list_is_seed());
    CHECK(said(s.offer_list(publisher.list({.version = 11}), now)) == "rolled_back");
  }
  SUBCASE("it is verified like any other, and ended like any other") {
    auto s = fresh_state();
    CHECK(said(s.offer_seed(publisher.list({.signers = {"list a"}}))) == "below_threshold");
    CHECK(said(s.offer_seed(fakes::publisher("other").list())) == "wrong_network");
    REQUIRE(s.offer_seed(seed).adopted);
    REQUIRE(s.offer_root(publisher.root({.version = 2, .epoch = 2}), now).has_value());
    CHECK_FALSE(s.list());
    CHECK_FALSE(s.list_is_seed());
    CHECK(said(s.offer_seed(seed)) == "rolled_back");
    CHECK_FALSE(s.list());
  }
}

TEST_CASE("Revoked peers are not handed over") {
  auto s = fresh_state();
  REQUIRE(s.offer_list(publisher.list({.version = 1, .peers = 3}), now).adopted);
  CHECK((*s.list())->peers.size() == 3);
  REQUIRE(s.offer_list(publisher.list({.version = 2, .peers = 3, .revoked = {fakes::peer_id(0)}}), now).adopted);
  CHECK((*s.list())->peers.size() == 2);
  CHECK((*s.list())->revoked.size() == 1);
}
