#include "sidecar/demo_progress.hpp"

#include "net/deadline.hpp"
#include "net/scope.hpp"

#include <fmt/format.h>

namespace landfall::sidecar {

using net::awaitable;
using net::result;
using std::chrono::milliseconds;

namespace {

constexpr std::chrono::seconds between_drawings{1};

milliseconds between(base::steady_time from, base::steady_time to) {
  return std::chrono::duration_cast<milliseconds>(to - from);
}

std::string counting_text(milliseconds time) {
  return fmt::format("{:3}   s", std::chrono::round<std::chrono::seconds>(time).count());
}

std::string seconds_text(milliseconds time) {
  return fmt::format("{:5.1f} s", static_cast<double>(time.count()) / 1000);
}

} // namespace

awaitable<result<void>> demo_progress::step(std::string name, std::string about, awaitable<result<void>> work) {
  const auto begun = clock_.steady();
  if (!terminal_)
    fmt::print(out_, "{}  {}\n", seconds_text(between(steps_.empty() ? begun : steps_[0].begun, begun)), about);
  steps_.push_back({std::move(name), std::move(about), begun, {}});
  net::scope counting(co_await net::asio::this_coro::executor);
  counting.spawn(count());
  auto done = co_await std::move(work);
  counting.cancel();
  co_await counting.join();
  if (done) steps_.back().took = between(begun, clock_.steady());
  draw();
  co_return done;
}

awaitable<void> demo_progress::count() {
  for (;;) {
    draw();
    const auto rested = co_await net::sleep_for(between_drawings);
    if (!rested) co_return;
  }
}

void demo_progress::draw() {
  if (!terminal_) return;
  std::vector<std::vector<std::string>> cells;
  for (const auto& one : steps_)
    cells.push_back(
        {one.took ? seconds_text(*one.took) : counting_text(between(one.begun, clock_.steady())), one.about});
  rows_.draw(aligned(cells));
}

boost::json::object demo_progress::told() const {
  boost::json::object out;
  for (const auto& one : steps_)
    if (one.took) out[one.name] = one.took->count();
  return out;
}

} // namespace landfall::sidecar
