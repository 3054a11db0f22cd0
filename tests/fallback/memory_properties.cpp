// Weeks of races on several networks, at random: nobody is tried inside a penalty, and the memory keeps its bounds.
#include "chance.hpp"
#include "fallback/evidence.hpp"
#include "simulator.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

using namespace landfall;
using namespace landfall::simulation;
using namespace std::chrono_literals;
using base::outcome;

namespace {

constexpr base::unix_time hour = 3600;

std::vector<model> some_routes(chance& dice) {
  std::vector<model> out;
  const int count = 1 + dice.upto(7);
  for (int i = 0; i < count; ++i) {
    model one;
    one.name = fmt::format("route {}", i);
    one.kind = dice.of<std::string>({"https", "fronted", "bridge"});
    one.group = dice.of<std::string>({"", "a", "b"});
    one.tier = 1 + dice.upto(2);
    one.where = base::place{fmt::format("198.51.100.{}", dice.upto(4)), 443, {}};
    if (one.kind == "fronted") one.where->front = dice.of<std::string>({"cdn-a", "cdn-b"});
    if (dice.in(2)) one.places = {*one.where};
    if (dice.in(4)) one.places = {base::place{{}, 443, one.where->front}};
    if (one.places.size() == 1 && one.places[0] == base::place{{}, 443, {}}) one.places.clear();
    out.push_back(std::move(one));
  }
  return out;
}

void play(model& one, chance& dice) {
  one.ends = milliseconds(10 + dice.upto(4000));
  one.list.reset();
  one.adopted = false;
  one.outcome = dice.of({outcome::timed_out, outcome::reset_after_hello, outcome::stalled_after_hello,
                         outcome::reset_before_hello, outcome::refused, outcome::unreachable, outcome::dns_poisoned,
                         outcome::http_status, outcome::front_refused, outcome::tls_certificate,
                         outcome::below_threshold, outcome::malformed});
  one.stage = dice.of({base::stage::connect, base::stage::tls});
  if (!dice.in(10)) return;
  one.outcome = outcome::won;
  one.list = trust::tier::a;
  one.adopted = true;
}

/// What must not be tried before when, as the design's table says, kept by a second, simpler book.
struct bans {
  std::map<std::string, base::unix_time> until;

  void note(const std::string& network, const model& lane, base::unix_time now) {
    const auto policy = base::policy_of(lane.outcome);
    if (fallback::is_success(lane.outcome)) {
      until.erase(network + lane.name);
      until.erase(lane.name);
      return;
    }
    // A backoff waits half a second at least, which the whole seconds of this simulation do not see.
    if (policy.backoff) return;
    using enum base::penalty_scope;
    auto key = network + lane.name;
    if (policy.penalised == route) key = lane.name;
    if (policy.penalised == front && !lane.where->front.empty()) key = network + "front " + lane.where->front;
    if (policy.penalised == address) key = network + "address " + lane.where->address;
    if (policy.penalised == address_and_port) key = network + "port " + lane.where->address;
    until[key] = std::max(until[key], now + policy.retry.count());
  }
  [[nodiscard]] bool hold(const std::string& network, const model& lane, base::unix_time now) const {
    for (const auto& key : {lane.name, network + lane.name, network + "front " + lane.where->front,
                            network + "address " + lane.where->address, network + "port " + lane.where->address})
      if (const auto found = until.find(key); found != until.end() && now < found->second) return true;
    return false;
  }
};

} // namespace

TEST_CASE("over weeks, networks, restarts and clocks that go forward nobody is tried inside a penalty") {
  int held = 0, tried = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    chance dice(seed);
    auto routes = some_routes(dice);
    world one;
    bans banned;
    for (int races = 0; races < 30; ++races) {
      CAPTURE(races);
      one.now += dice.of<base::unix_time>({0, 1, 30, 100, 180, hour, 25 * hour});
      one.network = dice.of<std::string>({"home", "home", "work", "café"});
      for (auto& lane : routes) play(lane, dice);
      const auto before = one.now;
      const auto banned_before = banned;
      const auto seen = one.race(routes, seed);
      REQUIRE(seen.complaint == "");
      for (const auto& start : seen.happenings) {
        if (start.what == happening::kind::started) {
          CHECK_FALSE(banned.hold(one.network, routes[start.lane], before));
          ++tried;
        }
        if (start.what == happening::kind::ended) banned.note(one.network, routes[start.lane], before);
      }
      // Behind a portal nothing counts against anybody.
      if (fallback::judge(seen.reports, {}) != fallback::verdict::open) banned = banned_before;
      for (const auto& lane : routes) held += banned.hold(one.network, lane, one.now);
      if (!dice.in(5)) continue;
      fallback::network_memory restarted(base::secret(std::string(fallback::memory_secret_size, 'k')));
      REQUIRE(restarted.from_text(one.memory.to_text(), one.now));
      one.memory = std::move(restarted);
    }
  }
  CHECK(held > 10000);
  CHECK(tried > 10000);
}
