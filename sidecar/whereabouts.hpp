// Where this machine is: on which network, on none, behind a login page; and since when a race would be another one.
// Tells it as events and warnings: offline, online, network_changed, captive_portal.
//
// What the kernel tells (no default route) holds races back: a lane without a network only burns. What the lanes of a
// race tell together (fallback/evidence.hpp) holds nothing back but counts against nobody; it ends with the next race
// that finds the network open, or with the network.
#pragma once

#include "fallback/evidence.hpp"
#include "fallback/memory.hpp"
#include "net/network.hpp"
#include "sidecar/events.hpp"

#include <functional>
#include <string>

namespace landfall::sidecar {

class whereabouts {
public:
  /// Told text to be shown until it is taken back with an empty one.
  using warn_fn = std::function<void(const std::string& about, std::string text)>;

  /// `needs_default_route`: false in a lab and behind an upstream proxy, which may be reached without one.
  whereabouts(event_bus& events, net::network_source& source, const fallback::network_memory& memory,
              bool needs_default_route, warn_fn warn);

  /// Looks whenever the kernel tells of a change, and calls `on_change` when it was one. Until cancelled.
  [[nodiscard]] net::awaitable<void> watch(std::function<void()> on_change);
  /// True: another network, or online where it was not, or the other way round, or the machine has slept. Told before
  /// it returns.
  bool look();
  /// What the lanes of a race told.
  void judged(fallback::verdict what);

  [[nodiscard]] const fallback::network_id& here() const noexcept { return here_; }
  [[nodiscard]] const std::string& gateway() const noexcept { return now_.gateway; }
  [[nodiscard]] bool known() const noexcept { return now_.known; }
  [[nodiscard]] bool no_network() const noexcept { return needs_default_route_ && !now_.online; }
  [[nodiscard]] bool offline() const noexcept { return told_ == fallback::verdict::offline; }
  [[nodiscard]] bool behind_portal() const noexcept { return told_ == fallback::verdict::captive_portal; }
  /// Grows with every change of network, and when the machine has slept: see fallback::epoch_fn.
  [[nodiscard]] std::uint64_t epoch();

private:
  void tell(fallback::verdict what);

  event_bus& events_;
  net::network_source& source_;
  const fallback::network_memory& memory_;
  bool needs_default_route_;
  warn_fn warn_;
  net::network_state now_;
  fallback::network_id here_;
  fallback::verdict told_ = fallback::verdict::open;
  std::chrono::nanoseconds slept_;
  std::uint64_t epoch_ = 0;
};

} // namespace landfall::sidecar
