#include "net/deadline.hpp"

#include "tests/fakes/run.hpp"

#include <boost/asio/experimental/channel.hpp>
#include <doctest/doctest.h>

#include <stdexcept>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using net::asio::awaitable;
using signal_channel = net::asio::experimental::channel<void(net::error_code)>;

namespace {

constexpr auto never = 1h;

struct op_plan {
  std::chrono::milliseconds work = 0ms;     ///< before it ends by itself
  std::chrono::milliseconds clean_up = 0ms; ///< after it was cancelled; shielded
};

/// Ends with 7, or cleans up and ends with cancelled.
awaitable<net::result<int>> op(op_plan plan, int& living) {
  const fakes::alive me(living);
  auto worked = co_await net::sleep_for(plan.work);
  if (worked) co_return 7;
  co_await net::asio::this_coro::reset_cancellation_state(net::asio::disable_cancellation());
  (void)co_await net::sleep_for(plan.clean_up);
  co_return worked.error();
}

awaitable<net::result<int>> failing() { co_return base::fail(outcome::refused, "no", base::stage::connect); }

awaitable<net::result<int>> throwing() {
  (void)co_await net::sleep_for(1ms);
  throw std::runtime_error("a bug");
}

/// `op` under a deadline, cancelled from outside after `cancel_after`.
awaitable<net::result<int>> supervised(op_plan plan, std::chrono::milliseconds limit,
                                       std::chrono::milliseconds cancel_after, int& living) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::scope children(executor);
  std::optional<net::result<int>> out;
  auto limited = net::with_deadline(op(plan, living), limit, base::stage::tls);
  children.spawn(net::detail::keep(std::move(limited), out));
  co_await children.wait(std::chrono::steady_clock::now() + cancel_after);
  children.cancel();
  co_await children.join();
  co_return std::move(*out);
}

/// Waits for a message, then for ever.
awaitable<void> two_steps(signal_channel& first, bool& reached, int& living) {
  const fakes::alive me(living);
  (void)co_await first.async_receive(net::as_result);
  reached = true;
  (void)co_await net::sleep_for(never);
}

awaitable<bool> cancelled_in_the_turn_of_a_completion(int& living) {
  const auto executor = co_await net::asio::this_coro::executor;
  signal_channel first(executor);
  bool reached = false;
  net::scope children(executor);
  children.spawn(two_steps(first, reached, living));
  first.try_send(net::error_code{}); // completes the first step; its coroutine goes on in a later turn
  children.cancel();                 // finds no operation to cancel
  co_await children.join();
  co_return reached;
}

} // namespace

TEST_CASE("a deadline tells ended, timed out and cancelled apart") {
  struct row {
    const char* name;
    op_plan plan;
    std::chrono::milliseconds limit, cancel_after;
    std::optional<outcome> failed;
  };
  const row rows[] = {
      {"ended first", {1ms, 0ms}, never, never, std::nullopt},
      {"ended at once", {0ms, 0ms}, never, never, std::nullopt},
      {"timed out", {never, 0ms}, 5ms, never, outcome::timed_out},
      {"timed out, slow clean-up", {never, 40ms}, 5ms, never, outcome::timed_out},
      {"cancelled", {never, 0ms}, never, 5ms, outcome::cancelled},
      {"cancelled, clean-up slower than the timer", {never, 60ms}, 20ms, 5ms, outcome::cancelled},
      {"cancelled during the clean-up after a time-out", {never, 60ms}, 5ms, 25ms, outcome::cancelled},
      {"cancelled before it began to wait", {never, 0ms}, never, 0ms, outcome::cancelled},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    int living = 0;
    const auto got = fakes::run(supervised(row.plan, row.limit, row.cancel_after, living));
    CHECK(living == 0);
    CHECK(got.has_error() == row.failed.has_value());
    if (got.has_error()) {
      CHECK(base::name(got.error().what) == base::name(row.failed.value_or(outcome::won)));
      CHECK(got.error().at == base::stage::tls);
    } else {
      CHECK(got.value() == 7);
    }
  }
}

TEST_CASE("a deadline passes on the failure of what it limits") {
  const auto got = fakes::run(net::with_deadline(failing(), never, base::stage::tls));
  REQUIRE(got.has_error());
  CHECK(got.error() == base::fail(outcome::refused, "no", base::stage::connect));
}

TEST_CASE("a limit of the largest duration means never") {
  int living = 0;
  const auto longest = std::chrono::steady_clock::duration::max();
  CHECK(fakes::run(net::with_deadline(op({1ms, 0ms}, living), longest, base::stage::tls)).has_value());
}

TEST_CASE("what is thrown under a deadline is thrown out of it") {
  CHECK_THROWS_AS(fakes::run(net::with_deadline(throwing(), never, base::stage::tls)), std::runtime_error);
}

TEST_CASE("a cancellation is not lost between two operations") {
  int living = 0;
  const auto before = std::chrono::steady_clock::now();
  CHECK(fakes::run(cancelled_in_the_turn_of_a_completion(living)));
  CHECK(living == 0);
  CHECK(std::chrono::steady_clock::now() - before < 10s);
}
