// interruptible: a schedule within one epoch. Pure but for the functions that it is given.
//
// A suspended machine wakes with dead connections whose failures say nothing about their routes, and a race that began
// on one network says nothing about the next. So when the epoch changes the race ends, and what still runs is
// cancelled. That a failure after that moment is none is the lanes' affair (race.cpp).
#pragma once

#include "fallback/schedule.hpp"

#include <algorithm>
#include <functional>

namespace landfall::fallback {

/// The epoch is asked this often at least: a change that wakes nobody is noticed after that long.
inline constexpr std::chrono::milliseconds longest_unwatched{1000};

class interruptible final : public net::race_plan<lane_report> {
public:
  /// `tell` once, when the race is decided while one lane still runs. All outlive this.
  interruptible(schedule& plan, const std::function<std::uint64_t()>& epoch,
                std::function<void(base::steady_time)> tell)
      : plan_(plan), epoch_(epoch), tell_(std::move(tell)), begun_(now_in()) {}

  [[nodiscard]] net::race_action next(base::steady_time now) override {
    if (look()) return net::finish{};
    auto action = plan_.next(now);
    if (!told_ && plan_.companion() && plan_.decided()) {
      told_ = true;
      tell_(now);
    }
    // Without an epoch nobody has to be looked after.
    if (auto* until = std::get_if<net::wait_until>(&action); until && epoch_)
      until->when = std::min(until->when, now + longest_unwatched);
    return action;
  }
  void progressed(std::size_t lane, base::stage at, base::steady_time now) override { plan_.progressed(lane, at, now); }
  void ended(std::size_t lane, lane_report report, base::steady_time now) override {
    plan_.ended(lane, std::move(report), now);
  }

  [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }

private:
  [[nodiscard]] std::uint64_t now_in() const { return epoch_ ? epoch_() : 0; }
  /// Whether the epoch is another one. After a win it does not matter: nothing is left to be decided.
  bool look() {
    if (!plan_.winner() && now_in() != begun_) interrupted_ = true;
    return interrupted_;
  }

  schedule& plan_;
  const std::function<std::uint64_t()>& epoch_;
  std::function<void(base::steady_time)> tell_;
  std::uint64_t begun_;
  bool interrupted_ = false, told_ = false;
};

} // namespace landfall::fallback
