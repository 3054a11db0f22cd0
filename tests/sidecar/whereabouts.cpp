// Where the machine is, as events, warnings and a number that changes with it.
#include "sidecar/whereabouts.hpp"

#include "tests/fakes/network.hpp"
#include "tests/fakes/virtual_clock.hpp"

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <map>

using namespace landfall;
using namespace landfall::sidecar;
using namespace std::chrono_literals;
using fakes::network_with;
using fakes::no_network;
using fallback::verdict;

namespace {

struct traveller {
  net::asio::io_context io;
  fakes::fixed_wall clock{1'795'132'800};
  event_bus events{clock};
  std::string told;
  event_bus::listening listener{events, [this](const event& e) { told += e.name + " "; }};
  fakes::moved_network network;
  fallback::network_memory memory{base::secret(std::string(fallback::memory_secret_size, 'k'))};
  std::map<std::string, std::string> warnings;
  whereabouts where;

  explicit traveller(net::network_state at, bool needs_default_route = true)
      : network(io.get_executor(), std::move(at)),
        where(events, network, memory, needs_default_route, [this](const std::string& about, std::string text) {
          if (text.empty())
            warnings.erase(about);
          else
            warnings[about] = std::move(text);
        }) {}

  /// What is told on the way there.
  std::string to(net::network_state there) {
    told.clear();
    network.now = std::move(there);
    (void)where.look();
    return told;
  }
  std::string judged(verdict what) {
    told.clear();
    where.judged(what);
    return told;
  }
};

} // namespace

TEST_CASE("networks are told as they change, and being without one") {
  traveller one(network_with("192.0.2.1"));
  const auto home = one.where.here();
  CHECK(one.to(network_with("192.0.2.1")) == "");
  CHECK(one.to(network_with("198.51.100.1")) == "network_changed ");
  CHECK(one.where.here() != home);
  CHECK(one.to(no_network()) == "offline ");
  CHECK(one.where.no_network());
  CHECK(one.warnings.contains("offline"));
  CHECK_MESSAGE(one.to(network_with("198.51.100.1")) == "online ", "away for a moment is no other network");
  CHECK(one.warnings.empty());
  (void)one.to(no_network());
  CHECK(one.to(network_with("192.0.2.1")) == "network_changed online ");
  CHECK(one.where.here() == home);
}

TEST_CASE("more becoming known of a network makes it no other") {
  auto unresolved = network_with("192.0.2.1");
  unresolved.hardware_address.clear();
  traveller one(unresolved);
  const auto here = one.where.here();
  const auto epoch = one.where.epoch();
  CHECK(one.to(network_with("192.0.2.1")) == "");
  CHECK(one.where.here() == here);
  CHECK(one.where.epoch() == epoch);
}

TEST_CASE("the epoch changes with the network and with sleep, and with nothing else") {
  traveller one(network_with("192.0.2.1"));
  const auto first = one.where.epoch();
  CHECK(one.where.epoch() == first);
  one.network.asleep += 1s;
  CHECK_MESSAGE(one.where.epoch() == first, "a nap");
  one.network.asleep += 1h;
  const auto awake = one.where.epoch();
  CHECK(awake != first);
  CHECK(one.where.epoch() == awake);
  one.network.asleep += 1h;
  CHECK_MESSAGE(one.where.look(), "on the same network, but awake again");
  CHECK_FALSE(one.where.look());
  const auto there = one.where.epoch();
  (void)one.to(network_with("198.51.100.1"));
  CHECK(one.where.epoch() != there);
}

TEST_CASE("what lanes told holds until the next race that tells otherwise, or the next network") {
  traveller one(network_with("192.0.2.1"));
  CHECK(one.judged(verdict::captive_portal) == "captive_portal ");
  CHECK(one.where.behind_portal());
  CHECK_FALSE(one.where.no_network());
  CHECK(one.warnings.contains("captive_portal"));
  CHECK(one.judged(verdict::captive_portal) == "");
  CHECK(one.judged(verdict::open) == "");
  CHECK(one.warnings.empty());
  CHECK(one.judged(verdict::offline) == "offline ");
  CHECK_FALSE_MESSAGE(one.where.no_network(), "the kernel knows a way: the next race finds out");
  CHECK(one.judged(verdict::open) == "online ");
  (void)one.judged(verdict::captive_portal);
  CHECK(one.to(network_with("198.51.100.1")) == "network_changed ");
  CHECK_FALSE(one.where.behind_portal());
}

TEST_CASE("in a lab, or behind a proxy, a missing default route is no reason to wait") {
  traveller one(no_network(), false);
  CHECK_FALSE(one.where.no_network());
  CHECK_FALSE(one.where.offline());
}

TEST_CASE("where the kernel tells nothing we are online, on the one network that is unknown") {
  traveller one{net::network_state{}};
  CHECK_FALSE(one.where.known());
  CHECK_FALSE(one.where.no_network());
  CHECK(one.where.here() == one.memory.network_of(""));
}
