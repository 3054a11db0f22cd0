#include "net/race.hpp"

#include "net/deadline.hpp"
#include "tests/fakes/run.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <stdexcept>

using namespace landfall;
using namespace std::chrono_literals;
using net::asio::awaitable;

namespace {

/// What each lane does; its number is its place.
struct lane_script {
  std::chrono::milliseconds work = 1h;
  std::chrono::milliseconds clean_up = 0ms;
  bool throws = false;
};

/// Starts `lanes` lanes at once, cancels lane 1 when told to, and finishes at the first lane that ends with "won".
struct first_wins final : net::race_plan<std::string> {
  std::size_t lanes = 0, started = 0;
  bool cancel_first = false, won = false;
  std::vector<std::string> log;
  std::optional<base::steady_time> give_up;

  net::race_action next(base::steady_time now) override {
    if (won) return net::finish{};
    if (give_up && now >= *give_up) return net::finish{};
    if (started < lanes) return net::start_lane{started++};
    if (cancel_first) {
      cancel_first = false;
      return net::cancel_lane{0};
    }
    return net::wait_until{give_up.value_or(base::steady_time::max())};
  }
  void progressed(std::size_t lane, base::stage at, base::steady_time) override {
    log.push_back(std::to_string(lane) + " " + std::string(base::name(at)));
  }
  void ended(std::size_t lane, std::string how, base::steady_time) override {
    log.push_back(std::to_string(lane) + " " + how);
    if (how == "won") won = true;
  }
};

struct world {
  std::vector<lane_script> scripts;
  int living = 0;
};

awaitable<std::string> run_lane(world& here, std::size_t lane, net::progress_fn progress) {
  const fakes::alive me(here.living);
  const auto script = here.scripts[lane];
  progress(base::stage::connect);
  const auto worked = co_await net::sleep_for(script.work);
  if (script.throws) throw std::runtime_error("a bug in lane " + std::to_string(lane));
  if (worked) co_return "won";
  co_await net::asio::this_coro::reset_cancellation_state(net::asio::disable_cancellation());
  (void)co_await net::sleep_for(script.clean_up);
  co_return "cancelled";
}

awaitable<net::result<void>> raced(first_wins& plan, world& here) {
  std::function<awaitable<std::string>(std::size_t, net::progress_fn)> lane =
      [&here](std::size_t i, net::progress_fn progress) { return run_lane(here, i, std::move(progress)); };
  co_return co_await net::race<std::string>(plan, lane, base::system_clock());
}

awaitable<net::result<void>> raced_and_cancelled(first_wins& plan, world& here, std::chrono::milliseconds after) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::scope outer(executor);
  std::optional<net::result<void>> out;
  outer.spawn(net::detail::keep(raced(plan, here), out));
  co_await outer.wait(std::chrono::steady_clock::now() + after);
  outer.cancel();
  co_await outer.join();
  co_return std::move(*out);
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("the first to win ends the race, and every loser is joined however slowly it cleans up") {
  world here{{{1h, 40ms}, {2ms, 0ms}, {1h, 0ms}}};
  first_wins plan;
  plan.lanes = 3;
  CHECK(fakes::run(raced(plan, here)).has_value());
  CHECK(here.living == 0);
  CHECK(plan.log == lines{"0 connect", "1 connect", "2 connect", "1 won", "2 cancelled", "0 cancelled"});
}

TEST_CASE("one lane is cancelled and the others go on") {
  world here{{{1h, 0ms}, {30ms, 0ms}}};
  first_wins plan;
  plan.lanes = 2;
  plan.cancel_first = true;
  CHECK(fakes::run(raced(plan, here)).has_value());
  CHECK(here.living == 0);
  CHECK(plan.log == lines{"0 connect", "1 connect", "0 cancelled", "1 won"});
}

TEST_CASE("a race waits until the time the plan says") {
  world here{{{1h, 0ms}}};
  first_wins plan;
  plan.lanes = 1;
  plan.give_up = std::chrono::steady_clock::now() + 5ms;
  CHECK(fakes::run(raced(plan, here)).has_value());
  CHECK(plan.log == lines{"0 connect", "0 cancelled"});
}

TEST_CASE("a cancelled race cancels and joins its lanes") {
  struct row {
    const char* name;
    std::vector<lane_script> scripts;
    std::chrono::milliseconds after;
  };
  const row rows[] = {
      {"while lanes run", {{1h, 0ms}, {1h, 30ms}}, 5ms},
      {"at once", {{1h, 0ms}, {1h, 0ms}}, 0ms},
      {"while a loser cleans up", {{1h, 60ms}, {1ms, 0ms}}, 20ms},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    world here{row.scripts};
    first_wins plan;
    plan.lanes = row.scripts.size();
    const auto got = fakes::run(raced_and_cancelled(plan, here, row.after));
    REQUIRE(got.has_error());
    CHECK(got.error().what == base::outcome::cancelled);
    CHECK(here.living == 0);
    CHECK(plan.log.size() == 2 * row.scripts.size()); // each lane's connect, and each lane's end
  }
}

TEST_CASE("what a lane throws comes out after the others were joined") {
  world here{{{1h, 20ms}, {2ms, 0ms, true}}};
  first_wins plan;
  plan.lanes = 2;
  CHECK_THROWS_WITH(fakes::run(raced(plan, here)), "a bug in lane 1");
  CHECK(here.living == 0);
}

TEST_CASE("a plan that waits for nothing is a bug, not a hang") {
  world here;
  first_wins plan;
  CHECK_THROWS_AS(fakes::run(raced(plan, here)), std::logic_error);
}
