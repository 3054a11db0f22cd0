// A clock that tests set: both times stand still until they are moved.
#pragma once

#include "base/clock.hpp"

#include <chrono>

namespace landfall::fakes {

class virtual_clock final : public base::clock {
public:
  explicit virtual_clock(base::unix_time wall = 0) : wall_(wall) {}

  [[nodiscard]] base::unix_time wall() const override { return wall_; }
  [[nodiscard]] base::steady_time steady() const override { return steady_; }

  /// Time passes on both.
  void advance(std::chrono::nanoseconds by) {
    steady_ += by;
    passed_ += by;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(passed_);
    passed_ -= seconds;
    wall_ += seconds.count();
  }
  /// Somebody sets the wall clock; the steady one does not care.
  void set_wall(base::unix_time wall) { wall_ = wall; }

private:
  base::unix_time wall_;
  base::steady_time steady_{};
  std::chrono::nanoseconds passed_{0}; // since the last whole second
};

/// The wall clock of a test beside the machine's steady one: for code that waits on real timers.
class fixed_wall final : public base::clock {
public:
  explicit fixed_wall(base::unix_time wall) : wall_(wall) {}
  [[nodiscard]] base::unix_time wall() const override { return wall_; }
  [[nodiscard]] base::steady_time steady() const override { return base::system_clock().steady(); }
  void set_wall(base::unix_time wall) { wall_ = wall; }

private:
  base::unix_time wall_;
};

} // namespace landfall::fakes
