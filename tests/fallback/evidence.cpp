// What the lanes of a race say together: open, offline, behind a login page.
#include "fallback/evidence.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using base::stage;
using fallback::verdict;

namespace {

fallback::lane_report lane(std::string group, outcome what, stage at = stage::connect, std::string where = {},
                           std::chrono::milliseconds after = 5ms) {
  fallback::lane_report out;
  out.route = group + "'s";
  out.group = std::move(group);
  out.outcome = what;
  out.stage = at;
  out.elapsed = after;
  if (!where.empty()) out.where = base::place{std::move(where), 443, {}};
  return out;
}

fallback::lane_report bringing(outcome what, std::optional<trust::tier> tier) {
  auto out = lane("good", what, stage::verify);
  out.tier = tier;
  return out;
}

fallback::lane_report replayed() { return bringing(outcome::rolled_back, trust::tier::b); }

/// An error in plain HTTP where TLS was asked for.
fallback::lane_report in_http(std::string group, std::string where) {
  auto out = lane(std::move(group), outcome::malformed, stage::tls, std::move(where));
  out.code = 400;
  return out;
}

} // namespace

TEST_CASE("a race tells where we are") {
  using enum outcome;
  const auto away = lane("a", unreachable), gone = lane("b", unreachable);
  const auto page = lane("a", tls_certificate, stage::tls, "203.0.113.5");
  const auto status = lane("b", http_status, stage::request, "203.0.113.5");
  struct row {
    const char* name;
    std::vector<fallback::lane_report> lanes;
    verdict expected;
  };
  const row rows[] = {
      {"no lane", {}, verdict::open},
      {"all cancelled", {lane("a", cancelled), lane("b", cancelled)}, verdict::open},
      {"no way out for two hosts, at once", {away, gone}, verdict::offline},
      {"for one host: it is that host", {away}, verdict::open},
      {"for two routes of one host", {away, away}, verdict::open},
      {"after seconds: somebody's ICMP", {away, lane("b", unreachable, stage::connect, {}, 1500ms)}, verdict::open},
      {"names that do not exist: somebody's resolver",
       {lane("a", unreachable, stage::resolve), lane("b", unreachable, stage::resolve)},
       verdict::open},
      {"the kernel says so", {lane("a", offline)}, verdict::offline},
      {"one was refused: there is a network", {away, gone, lane("c", refused)}, verdict::open},
      {"one brought a list", {away, gone, bringing(won, trust::tier::a)}, verdict::open},
      {"one brought a list that we hold", {away, gone, bringing(not_modified, std::nullopt)}, verdict::open},
      {"a replayed list proves nothing",
       {replayed(), lane("a", captive_portal, stage::tls, "203.0.113.5")},
       verdict::captive_portal},
      {"but it is the route's fault", {replayed(), lane("a", timed_out)}, verdict::open},
      {"cancelled ones say nothing", {away, gone, lane("c", cancelled)}, verdict::offline},
      {"a lane saw the login page",
       {lane("a", captive_portal, stage::request), lane("b", timed_out)},
       verdict::captive_portal},
      {"but another got through",
       {lane("a", captive_portal, stage::request), bringing(won, trust::tier::a)},
       verdict::open},
      {"two hosts answered at one address, neither with what is theirs", {page, status}, verdict::captive_portal},
      {"beside them one that did not connect", {page, status, lane("c", timed_out)}, verdict::captive_portal},
      {"two hosts speak HTTP where TLS was asked for, each at its address",
       {in_http("a", "203.0.113.5"), in_http("b", "198.51.100.1")},
       verdict::captive_portal},
      {"one does: it is misconfigured", {in_http("a", "203.0.113.5"), lane("b", timed_out)}, verdict::open},
      {"two that do not even speak HTTP",
       {lane("a", malformed, stage::tls, "203.0.113.5"), lane("b", malformed, stage::tls, "198.51.100.1")},
       verdict::open},
      {"two hosts at two addresses: two men in the middle",
       {page, lane("b", tls_certificate, stage::tls, "203.0.113.6")},
       verdict::open},
      {"two routes of one host at its address: its server is wrong",
       {page, lane("a", http_status, stage::request, "203.0.113.5")},
       verdict::open},
      {"one of them was reset there",
       {page, status, lane("c", reset_after_hello, stage::tls, "203.0.113.5")},
       verdict::open},
      {"all at our own machine: a lab",
       {lane("a", tls_certificate, stage::tls, "127.0.0.1"), lane("b", http_status, stage::request, "127.0.0.1")},
       verdict::open},
      {"all names led to one private address",
       {lane("a", timed_out, stage::connect, "10.0.0.1"), lane("b", refused, stage::connect, "10.0.0.1")},
       verdict::captive_portal},
      {"to the gateway, whatever its address",
       {lane("a", timed_out, stage::connect, "192.0.2.1"), lane("b", refused, stage::connect, "192.0.2.1")},
       verdict::captive_portal},
      {"to one public address: a resolver that lies",
       {lane("a", timed_out, stage::connect, "198.51.100.1"), lane("b", refused, stage::connect, "198.51.100.1")},
       verdict::open},
      {"some of them",
       {lane("a", timed_out, stage::connect, "10.0.0.1"), lane("b", refused, stage::connect, "10.0.0.1"),
        lane("c", refused, stage::connect, "198.51.100.1")},
       verdict::open},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(fallback::judge(row.lanes, "192.0.2.1") == row.expected);
  }
}
