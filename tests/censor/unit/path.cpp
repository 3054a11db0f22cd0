// The path between the wires: order, delay, loss and rate, in virtual time.
#include "tests/censor/wire/path.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace landfall::censor;
using namespace std::chrono_literals;

namespace {
std::vector<std::string> all_until(path& way, nanoseconds when) {
  std::vector<std::string> out;
  for (auto one = way.leave(when); one; one = way.leave(when)) out.push_back(one->frame);
  return out;
}
} // namespace

TEST_CASE("a frame takes half a round trip, and none overtakes another") {
  path way({.round_trip = 100ms});
  way.enter(true, true, "a", 0ms);
  way.enter(true, true, "b", 0ms);
  way.enter(false, false, "c", 10ms);
  way.arrange(false, true, "injected", 20ms);
  CHECK(way.next() == 20ms);
  CHECK(all_until(way, 49ms) == std::vector<std::string>{"injected"});
  CHECK(all_until(way, 59ms) == std::vector<std::string>{"a", "b"});
  CHECK(all_until(way, 60ms) == std::vector<std::string>{"c"});
  CHECK_FALSE(way.next());
}

TEST_CASE("loss is drawn from the seed, each way by itself") {
  const auto survivors = [](std::uint64_t seed, int other_way) {
    path way({.loss = 0.3, .seed = seed});
    std::vector<std::string> out;
    for (int n = 0; n < 1000; ++n) {
      way.enter(true, true, std::to_string(n), 0ms);
      for (int m = 0; m < other_way; ++m) way.enter(false, true, "x", 1ms);
    }
    CHECK(way.lost(true) > 240);
    CHECK(way.lost(true) < 360);
    return all_until(way, 0ms);
  };
  CHECK(survivors(7, 0) == survivors(7, 3));
  CHECK(survivors(7, 0) != survivors(8, 0));
}

TEST_CASE("a bottleneck has its rate and its queue") {
  path way({.rate = 100'000});
  int sent = 0;
  for (; way.lost(true) == 0; ++sent) way.enter(true, true, std::string(1000, 'x'), 0ms);
  CHECK(sent > 130); // 128 KiB wait, what comes then is lost
  CHECK(sent < 135);
  CHECK(all_until(way, 500ms).size() == 50);
  CHECK(all_until(way, 1000ms).size() == 50);
}
