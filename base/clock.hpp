// Time as an argument. Whoever needs the time is given a clock; only `system_clock()` reads the real one.
#pragma once

#include <chrono>
#include <cstdint>

namespace landfall::base {

/// Seconds since 1970-01-01 UTC, as in every signed document.
using unix_time = std::int64_t;
using steady_time = std::chrono::steady_clock::time_point;

/// Wall and steady time. The wall clock may be years off or step; the steady clock never goes back.
struct clock {
  virtual ~clock() = default;
  [[nodiscard]] virtual unix_time wall() const = 0;
  [[nodiscard]] virtual steady_time steady() const = 0;
};

/// The machine's own clocks.
[[nodiscard]] const clock& system_clock() noexcept;

} // namespace landfall::base
