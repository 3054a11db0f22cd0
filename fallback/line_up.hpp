// line_up: those who race, in the order in which they would start; and what the failure of one means for the order of
// the others. Pure.
//
//   a name in the ClientHello was reset or met silence   quiet routes that show no name are next: the filter reads
//   names an address was dropped (no SYN-ACK)                  routes known to lie in its block (/24, IPv6 /48) or of
//   its
//                                                        group go to the back: censors drop blocks
//   a name was answered falsely                          routes that begin with a plaintext look-up go to the back
//
// "Next": within the tier that is open, before all others. "The back": behind everything else, in the last tier.
#pragma once

#include "config/settings.hpp"
#include "fallback/lane.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace landfall::fallback {

/// One route as the schedule sees it.
struct entrant {
  std::string group;
  int tier = 1;
  std::string kind{};
  std::chrono::milliseconds head_start{0}; ///< the first one only
  bool conspicuous = false, shows_name = false, plain_lookup = false;
  bool timed = false;                ///< how long it takes on this network is remembered
  std::vector<base::place> places{}; ///< those known beforehand
};

class line_up {
public:
  explicit line_up(std::vector<entrant> entrants);

  [[nodiscard]] std::size_t size() const noexcept { return entrants_.size(); }
  /// By the index given at construction; its tier is the one that holds now.
  [[nodiscard]] const entrant& operator[](std::size_t lane) const { return entrants_[lane]; }
  /// All lanes in the order in which they would start.
  [[nodiscard]] const std::vector<std::size_t>& order() const noexcept { return order_; }

  /// `lane` ended so; `open_tier` is the highest one open. Moves those that have not started (`waiting`).
  void learn(std::size_t lane, const lane_report& report, int open_tier, const std::vector<bool>& waiting);

private:
  void to_front(const std::vector<bool>& which, int open_tier);
  void to_back(const std::vector<bool>& which);

  std::vector<entrant> entrants_;
  std::vector<std::size_t> order_;
};

/// "198.51.100.0/24" or an IPv6 /48, as bytes to be compared; empty for what is no address.
[[nodiscard]] std::string block_of(const std::string& address);

} // namespace landfall::fallback
