// The way between two wires: round trip, loss, bandwidth. Pure: packets and times in, packets and times out; the kernel
// here has no netem, and a seed must mean one run.
#pragma once

#include "tests/censor/rules.hpp"

#include <cstdint>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

namespace landfall::censor {

struct path_options {
  nanoseconds round_trip{0};
  double loss = 0;        ///< of packets, each way
  std::uint64_t rate = 0; ///< bytes a second, each way; 0: no limit
  std::uint64_t seed = 1;
};

struct travelling {
  nanoseconds when{0};
  std::uint64_t order = 0; ///< first in, first out at one time
  bool up = true;
  bool judged = false;
  std::string frame;
};

class path {
public:
  explicit path(path_options options)
      : options_(options),
        random_{std::mt19937_64(options.seed ^ 0x2545f4914f6cdd1dU), std::mt19937_64(~options.seed)} {}

  /// A frame begins its way: it may be lost, or queue behind others.
  void enter(bool up, bool judged, std::string frame, nanoseconds now, nanoseconds not_before = nanoseconds(0));
  /// A frame that arrives `when`, whatever the path: injected ones, and throttled ones.
  void arrange(bool up, bool judged, std::string frame, nanoseconds when);
  /// What has arrived by `now`, one at a time.
  [[nodiscard]] std::optional<travelling> leave(nanoseconds now);
  [[nodiscard]] std::optional<nanoseconds> next() const;
  [[nodiscard]] nanoseconds one_way() const noexcept { return options_.round_trip / 2; }
  [[nodiscard]] std::uint64_t lost(bool up) const noexcept { return lost_[up ? 1 : 0]; }

private:
  struct later {
    bool operator()(const travelling& a, const travelling& b) const {
      return a.when != b.when ? a.when > b.when : a.order > b.order;
    }
  };
  path_options options_;
  std::mt19937_64 random_[2]; ///< one each way: how the two interleave is not the seed's
  std::priority_queue<travelling, std::vector<travelling>, later> way_;
  nanoseconds busy_[2]{};
  std::uint64_t order_ = 0, lost_[2]{};
};

} // namespace landfall::censor
