// Who waits until when, and what a penalty falls on.
#include "fallback/penalties.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace landfall;
using base::outcome;
using base::place;
using fallback::penalties;

namespace {

constexpr base::unix_time now = 1'795'132'800;
constexpr base::unix_time hour = 3600, day = 24 * hour;

const auto keys = std::make_shared<const fallback::keyer>(base::secret(std::string(32, 'k')));
const auto home = keys->network("home"), work = keys->network("work");

fallback::route route(std::string name = "r", std::vector<place> places = {}) {
  fallback::route out;
  out.name = std::move(name);
  out.kind = "https";
  out.places = std::move(places);
  return out;
}

fallback::lane_report report(outcome what, std::optional<place> where = std::nullopt) {
  fallback::lane_report out;
  out.route = "r";
  out.outcome = what;
  out.where = std::move(where);
  if (what == outcome::won || what == outcome::verified_same) out.tier = trust::tier::a;
  return out;
}

struct book : penalties {
  book() : penalties(keys) {}
  void met(const fallback::route& what, outcome how, std::optional<place> where = std::nullopt,
           base::unix_time at = now, double jitter = 0.999) {
    apply(home, what, report(how, std::move(where)), at, jitter);
  }
  [[nodiscard]] base::unix_time wait(const fallback::route& what, const fallback::network_id& on = home) const {
    const auto waits = of(on, what, now);
    return waits ? waits->until - now : 0;
  }
};

const place a{"198.51.100.7", 443, {}}, a_other_port{"198.51.100.7", 8443, {}}, b{"203.0.113.9", 443, {}};
const place front{"198.51.100.7", 443, "cdn-a.example.com"}, front_by_name{{}, 443, "cdn-a.example.com"};

} // namespace

TEST_CASE("each class of failure waits as the policy says, here, and where the document is to blame everywhere") {
  struct row {
    outcome what;
    base::unix_time here, elsewhere;
  };
  const row rows[] = {
      {outcome::timed_out, 180, 0},
      {outcome::stalled_after_hello, 180, 0},
      {outcome::reset_after_hello, 180, 0},
      {outcome::reset_before_hello, 180, 0},
      {outcome::refused, 1, 0},
      {outcome::unreachable, 1, 0},
      {outcome::dns_poisoned, 1, 0},
      {outcome::http_status, 1, 0},
      {outcome::clock_suspect, 1, 0},
      {outcome::front_refused, day, 0},
      {outcome::tls_certificate, hour, 0},
      {outcome::below_threshold, day, day},
      {outcome::bad_root, day, day},
      {outcome::rolled_back, day, day},
      {outcome::wrong_network, day, day},
      {outcome::wrong_channel, day, day},
      {outcome::too_large, hour, hour},
      {outcome::malformed, hour, hour},
  };
  for (const auto& row : rows) {
    CAPTURE(base::name(row.what));
    book one;
    one.met(route(), row.what);
    CHECK(one.wait(route()) == row.here);
    CHECK(one.wait(route(), work) == row.elsewhere);
    CHECK(one.wait(route("another")) == 0);
  }
}

TEST_CASE("who is not to blame does not wait") {
  for (const auto what : {outcome::won, outcome::verified_same, outcome::verified_but_older, outcome::not_modified,
                          outcome::equivocation, outcome::offline, outcome::captive_portal, outcome::local_error,
                          outcome::stalled_after_bytes, outcome::cancelled}) {
    CAPTURE(base::name(what));
    book one;
    one.met(route(), what, a);
    CHECK(one.all().empty());
  }
}

TEST_CASE("a penalty falls on what failed, and on whatever is known to lead there") {
  struct row {
    const char* name;
    std::vector<place> known;
    outcome what;
    std::optional<place> where;
    bool route_waits, address_waits, other_port_waits, front_waits;
  };
  const row rows[] = {
      {"an address that is known beforehand", {a, b}, outcome::timed_out, a, false, true, true, false},
      {"the only one that is known: the route waits with it", {a}, outcome::timed_out, a, true, true, true, false},
      {"an address that a name led to: the route too, or it would look up the name to no end",
       {},
       outcome::timed_out,
       a,
       true,
       true,
       true,
       false},
      {"a port", {a, b}, outcome::reset_before_hello, a, false, true, false, false},
      {"a front that refuses", {front_by_name, b}, outcome::front_refused, front, false, false, false, true},
      {"the address of a front that is known by name: the name too",
       {front_by_name, b},
       outcome::reset_after_hello,
       front,
       false,
       true,
       true,
       true},
      {"a front whose address is configured: the address alone",
       {front, b},
       outcome::reset_after_hello,
       front,
       false,
       true,
       true,
       false},
      {"nobody knows where: the route", {a, b}, outcome::timed_out, std::nullopt, true, false, false, false},
      {"a front refused by somebody who is none: the route", {}, outcome::front_refused, a, true, false, false, false},
      {"a certificate: the route, never its CDN", {front}, outcome::tls_certificate, front, true, false, false, false},
      {"a forgery: the route, never its CDN", {front}, outcome::below_threshold, front, true, false, false, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    book one;
    const auto what = route("r", row.known);
    one.met(what, row.what, row.where);
    CHECK((one.wait(what) > 0) == row.route_waits);
    CHECK(one.avoids(home, a, now) == row.address_waits);
    CHECK(one.avoids(home, a_other_port, now) == row.other_port_waits);
    CHECK(one.avoids(home, front_by_name, now) == row.front_waits);
    CHECK_FALSE_MESSAGE(one.avoids(work, front, now), "a place is penalised on one network");
    CHECK_FALSE(one.avoids(home, b, now));
  }
}

TEST_CASE("a route waits for the first of its places that is free again, and tells why") {
  book one;
  const auto what = route("r", {a, front_by_name});
  one.met(what, outcome::front_refused, front_by_name);
  CHECK(one.wait(what) == 0);
  one.met(what, outcome::timed_out, a, now - 80);
  const auto waits = one.of(home, what, now);
  REQUIRE(waits);
  CHECK(waits->until == now + 100);
  CHECK(waits->why == outcome::timed_out);
  CHECK(waits->on == base::penalty_scope::address);
  CHECK_MESSAGE(one.wait(route("s", {a})) == 100, "another route that is known to lead there waits as well");
}

TEST_CASE("fronts that were given up on the way wait too, also when the next one brought the list") {
  const auto by_fronts = route("r", {front_by_name, {{}, 443, "cdn-b.example.com"}});
  for (const auto how : {outcome::won, outcome::cancelled, outcome::front_refused}) {
    CAPTURE(base::name(how));
    book one;
    auto ended = report(how);
    if (how == outcome::front_refused) ended.where = place{"203.0.113.9", 443, "cdn-b.example.com"};
    auto refused = base::fail(outcome::front_refused);
    refused.where = front;
    ended.given_up.push_back(refused);
    one.apply(home, by_fronts, ended, now, 0.5);
    CHECK(one.avoids(home, front_by_name, now + day - 1));
    CHECK((one.wait(by_fronts) == day) == (how == outcome::front_refused));
  }
}

TEST_CASE("a shorter penalty does not end a longer one") {
  book one;
  one.met(route(), outcome::tls_certificate);
  one.met(route(), outcome::refused, std::nullopt, now + 5);
  CHECK(one.wait(route()) == hour);
}

TEST_CASE("the backoff doubles per failure in a row up to a minute, its upper half jittered") {
  const base::unix_time longest[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
  book late, early;
  for (const auto wait : longest) {
    CAPTURE(wait);
    late.met(route(), outcome::refused, std::nullopt, now, 0.999999);
    early.met(route(), outcome::refused, std::nullopt, now, 0);
    CHECK(late.wait(route()) == wait);
    CHECK(early.wait(route()) == (wait + 1) / 2);
  }
}

TEST_CASE("an authentic list clears what the route waited for, here and everywhere, and its backoff") {
  for (const auto what : {outcome::won, outcome::verified_same, outcome::verified_but_older, outcome::not_modified}) {
    CAPTURE(base::name(what));
    book one;
    for (int i = 0; i < 5; ++i) one.met(route(), outcome::refused);
    one.met(route(), outcome::below_threshold);
    one.met(route(), what);
    CHECK(one.wait(route()) == 0);
    CHECK(one.wait(route(), work) == 0);
    one.met(route(), outcome::refused);
    CHECK(one.wait(route()) == 1);
  }
}

TEST_CASE("a penalty ends at its moment") {
  book one;
  one.met(route(), outcome::timed_out, a);
  CHECK(one.avoids(home, a, now + 179));
  CHECK_FALSE(one.avoids(home, a, now + 180));
  CHECK(one.of(home, route(), now + 179));
  CHECK_FALSE(one.of(home, route(), now + 180));
}

TEST_CASE("a route that is configured anew under the same name is another route") {
  book one;
  auto moved = route();
  moved.group = "elsewhere.example.net";
  one.met(route(), outcome::below_threshold);
  CHECK(one.wait(moved) == 0);
}

TEST_CASE("after the clock was set back nothing waits longer than its class of failure ever does") {
  for (const auto& [what, longest] : {std::pair(outcome::below_threshold, day), std::pair(outcome::too_large, hour),
                                      std::pair(outcome::expired, base::unix_time{60})}) {
    CAPTURE(base::name(what));
    book one;
    one.met(route(), what, std::nullopt, now + 10 * 365 * day);
    one.cap(now);
    CHECK(one.wait(route()) == longest);
  }
}

TEST_CASE("there is a bound; what ends first is forgotten first") {
  book one;
  for (std::size_t i = 0; i <= fallback::max_penalties; ++i)
    one.met(route("route " + std::to_string(i)), outcome::timed_out, std::nullopt,
            now + static_cast<base::unix_time>(i));
  CHECK(one.all().size() == fallback::max_penalties);
  CHECK(one.wait(route("route 0")) == 0);
  CHECK(one.wait(route("route 1")) == 181);
}

TEST_CASE("equal things on two networks have two names, and no name says what it is of") {
  CHECK(keys->address(home, a) != keys->address(work, a));
  CHECK(keys->route(home, route()) != keys->route(work, route()));
  CHECK(keys->address(home, a) != keys->address_and_port(home, a));
  CHECK(keys->network("home") != keys->network("work"));
  const fallback::keyer other(base::secret(std::string(32, 'o')));
  CHECK(other.network("home") != home);
  const auto back = fallback::memory_key::from_hex(home.hex());
  REQUIRE(back);
  CHECK(*back == home);
  for (const auto* bad : {"", "00", "0011223344556677889900112233445566", "zz112233445566778899aabbccddeeff"})
    CHECK_FALSE(fallback::memory_key::from_hex(bad));
}
