#include "base/clock.hpp"

namespace landfall::base {

namespace {
struct machine_clock final : clock {
  unix_time wall() const override {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  steady_time steady() const override { return std::chrono::steady_clock::now(); }
};
} // namespace

const clock& system_clock() noexcept {
  static const machine_clock instance;
  return instance;
}

} // namespace landfall::base
