// What is believed of plaintext answers, and who is asked when: tables in virtual time.
#include "http/names_policy.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using http::name_kind;
using http::way_to_ask;
using answer = base::result<http::dns_answer>;

namespace {

answer says(std::initializer_list<const char*> addresses) {
  http::dns_answer out;
  out.ttl = 60;
  for (const auto* text : addresses) out.addresses.push_back(boost::asio::ip::make_address(text));
  return out;
}
answer nothing() { return says({}); }
answer no_such_name() {
  http::dns_answer out;
  out.exists = false;
  return out;
}
answer failing(outcome what = outcome::unreachable) { return base::fail(what, "", base::stage::resolve); }

http::heard at(std::chrono::milliseconds after, answer what, std::size_t question = 0) {
  return {question, after, std::move(what)};
}

const base::steady_time start{1h};

} // namespace

TEST_CASE("who may be asked for a name") {
  struct row {
    std::string name;
    name_kind kind;
    way_to_ask expected;
  };
  const row rows[] = {
      {"bootstrap.example.net", name_kind::sensitive, way_to_ask::over_https},
      {"cdn.example.com", name_kind::front, way_to_ask::any},
      {"abcdef.onion", name_kind::sensitive, way_to_ask::never},
      {"abcdef.onion", name_kind::front, way_to_ask::never},
      {"onion", name_kind::front, way_to_ask::never},
      {"notonion", name_kind::front, way_to_ask::any},
      {"localhost", name_kind::sensitive, way_to_ask::here},
      {"a.localhost", name_kind::front, way_to_ask::here},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(http::way_for(row.name, row.kind) == row.expected);
  }
}

TEST_CASE("plaintext answers, read together") {
  struct row {
    std::string name;
    http::plain_evidence evidence;
    std::optional<outcome> failed;
    std::size_t addresses;
    bool lab = false;
  };
  const row rows[] = {
      {"one answer", {60ms, {at(60ms, says({"192.0.2.1"}))}}, {}, 1},
      {"the same twice", {60ms, {at(60ms, says({"192.0.2.1"})), at(61ms, says({"192.0.2.1"}))}}, {}, 1},
      {"rotated", {60ms, {at(60ms, says({"192.0.2.1", "192.0.2.2"})), at(62ms, says({"192.0.2.2"}))}}, {}, 2},
      {"forged, then true",
       {5ms, {at(6ms, says({"198.51.100.66"})), at(60ms, says({"192.0.2.1"}))}},
       outcome::dns_poisoned,
       0},
      {"true, then forged",
       {5ms, {at(6ms, says({"192.0.2.1"})), at(8ms, says({"198.51.100.66"}))}},
       outcome::dns_poisoned,
       0},
      {"denied, then true", {5ms, {at(6ms, no_such_name()), at(60ms, says({"192.0.2.1"}))}}, outcome::dns_poisoned, 0},
      {"loopback", {60ms, {at(60ms, says({"127.0.0.1"}))}}, outcome::dns_poisoned, 0},
      {"loopback in a lab", {60ms, {at(60ms, says({"127.0.0.1"}))}}, {}, 1, true},
      {"private among true ones", {60ms, {at(60ms, says({"192.0.2.1", "10.0.0.1"}))}}, outcome::dns_poisoned, 0},
      {"unspecified", {60ms, {at(60ms, says({"0.0.0.0"}))}}, outcome::dns_poisoned, 0},
      {"mapped loopback", {60ms, {at(60ms, says({"::ffff:127.0.0.1"}))}}, outcome::dns_poisoned, 0},
      {"sooner than the resolver can", {60ms, {at(3ms, says({"192.0.2.1"}))}}, outcome::dns_poisoned, 0},
      {"sooner, but within noise", {6ms, {at(1ms, says({"192.0.2.1"}))}}, {}, 1},
      {"no measure", {{}, {at(1ms, says({"192.0.2.1"}))}}, {}, 1},
      {"over TCP", {60ms, {{0, {}, says({"192.0.2.1"})}}}, {}, 1},
      {"both families", {60ms, {at(60ms, says({"2001:db8::1"}), 0), at(60ms, says({"192.0.2.1"}), 1)}}, {}, 2},
      {"one family forged",
       {60ms, {at(60ms, says({"2001:db8::1"}), 0), at(1ms, says({"192.0.2.1"}), 1)}},
       outcome::dns_poisoned,
       0},
      {"no such name", {60ms, {at(60ms, no_such_name())}}, {}, 0},
      {"garbage, then an answer",
       {60ms, {at(60ms, failing(outcome::malformed)), at(61ms, says({"192.0.2.1"}))}},
       {},
       1},
      {"garbage", {60ms, {at(60ms, failing(outcome::malformed))}}, outcome::unreachable, 0},
      {"silence", {60ms, {}}, outcome::unreachable, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = http::judge(row.evidence, row.lab);
    CHECK(got.has_error() == row.failed.has_value());
    if (got.has_error())
      CHECK(base::name(got.error().what) == base::name(row.failed.value_or(outcome::won)));
    else
      CHECK(got->addresses.size() == row.addresses);
  }
}

namespace {

/// When each lane starts, if lane i ends with `ends[i]` after `takes[i]` (steps of 50 ms), and what comes out.
struct played {
  std::vector<int> started; ///< ms; -1: never
  answer how = failing();
  int over = 0;
};

played play(std::size_t over_https, std::size_t plain, const std::vector<std::pair<int, answer>>& lanes,
            http::ask_plan::heard_fn heard = {}) {
  http::ask_plan plan(over_https, plain, std::move(heard));
  played out{std::vector<int>(lanes.size(), -1), failing(), 0};
  std::vector<bool> ended(lanes.size());
  for (int now = 0; now <= 20'000; now += 50) {
    const auto time = start + std::chrono::milliseconds(now);
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      if (out.started[i] < 0 || ended[i] || now < out.started[i] + lanes[i].first) continue;
      ended[i] = true;
      plan.ended(i, lanes[i].second, time);
    }
    for (;;) {
      const auto action = plan.next(time);
      if (std::holds_alternative<net::finish>(action)) {
        out.over = now;
        out.how = plan.answer();
        return out;
      }
      const auto* begin = std::get_if<net::start_lane>(&action);
      if (!begin) break;
      REQUIRE(out.started.at(begin->lane) == -1);
      out.started[begin->lane] = now;
    }
  }
  FAIL("the plan does not end");
  return out;
}

} // namespace

TEST_CASE("who is asked when, and whom is believed") {
  const auto yes = says({"192.0.2.1"}), other = says({"192.0.2.2"});
  const auto doubted = failing(outcome::dns_poisoned), silent = failing(outcome::timed_out);
  struct row {
    std::string name;
    std::size_t over_https, plain;
    std::vector<std::pair<int, answer>> lanes;
    std::vector<int> started;
    int over;
    std::optional<outcome> failed;
    answer expected;
  };
  const row rows[] = {
      {"the first answers", 2, 0, {{100, yes}, {100, other}}, {0, -1}, 100, {}, yes},
      {"the first is slow", 2, 0, {{900, yes}, {100, other}}, {0, 500}, 600, {}, other},
      {"the first fails", 2, 0, {{50, failing()}, {100, other}}, {0, 50}, 150, {}, other},
      {"both beside each other, HTTPS first", 1, 1, {{100, yes}, {350, other}}, {0, 0}, 100, {}, yes},
      {"plaintext believed before HTTPS", 1, 1, {{4000, yes}, {350, other}}, {0, 0}, 350, {}, other},
      {"plaintext doubted, HTTPS decides", 1, 1, {{2000, yes}, {350, doubted}}, {0, 0}, 2000, {}, yes},
      {"plaintext doubted, another resolver", 0, 2, {{350, doubted}, {350, yes}}, {0, 350}, 700, {}, yes},
      {"plaintext silent, another resolver", 0, 2, {{4000, silent}, {350, yes}}, {0, 1500}, 1850, {}, yes},
      {"plaintext doubted, HTTPS blocked",
       2,
       1,
       {{4000, silent}, {4000, silent}, {350, doubted}},
       {0, 500, 0},
       4500,
       outcome::dns_poisoned,
       failing()},
      {"one lies that there is no such name", 2, 0, {{100, no_such_name()}, {100, yes}}, {0, 100}, 200, {}, yes},
      {"there is no such name",
       2,
       0,
       {{100, no_such_name()}, {100, no_such_name()}},
       {0, 100},
       200,
       {},
       no_such_name()},
      {"no such name over HTTPS, forged in plaintext",
       1,
       1,
       {{100, no_such_name()}, {350, doubted}},
       {0, 0},
       350,
       {},
       no_such_name()},
      {"forged denial of all in plaintext",
       0,
       2,
       {{350, doubted}, {350, no_such_name()}},
       {0, 350},
       700,
       outcome::dns_poisoned,
       failing()},
      {"no address", 1, 0, {{100, nothing()}}, {0}, 100, {}, nothing()},
      {"silence", 1, 1, {{4000, silent}, {4000, silent}}, {0, 0}, 4000, outcome::timed_out, failing()},
      {"nobody", 0, 0, {}, {}, 0, outcome::unreachable, failing()},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = play(row.over_https, row.plain, row.lanes);
    CHECK(got.started == row.started);
    CHECK(got.over == row.over);
    CHECK(got.how.has_error() == row.failed.has_value());
    if (got.how.has_error())
      CHECK(base::name(got.how.error().what) == base::name(row.failed.value_or(outcome::won)));
    else
      CHECK(*got.how == *row.expected);
  }
}

TEST_CASE("a resolver that answered the SYN is given longer before the next one learns the name") {
  const auto yes = says({"192.0.2.1"}), other = says({"192.0.2.2"});
  const auto first = [](std::size_t lane) { return lane == 0; };
  const auto slow = play(2, 0, {{900, yes}, {100, other}}, first);
  CHECK(slow.started == std::vector<int>{0, -1});
  CHECK(slow.over == 900);
  const auto stalled = play(3, 0, {{4000, failing()}, {4000, failing()}, {100, other}}, first);
  CHECK(stalled.started == std::vector<int>{0, 1500, 2000});
  const auto reset = play(2, 0, {{700, failing()}, {100, other}}, first);
  CHECK(reset.started == std::vector<int>{0, 700});
}
