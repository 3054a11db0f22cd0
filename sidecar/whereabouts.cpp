#include "sidecar/whereabouts.hpp"

#include "net/deadline.hpp"

#include <utility>

namespace landfall::sidecar {

using fallback::verdict;
using namespace std::chrono_literals;

namespace {

/// A network comes up in steps (carrier, address, route): looked at when they are over.
constexpr std::chrono::milliseconds settles = 500ms;
/// A connection survives a nap of less; the two clocks are not read in one moment either.
constexpr std::chrono::nanoseconds a_nap = 2s;

} // namespace

whereabouts::whereabouts(event_bus& events, net::network_source& source, const fallback::network_memory& memory,
                         bool needs_default_route, warn_fn warn)
    : events_(events), source_(source), memory_(memory), needs_default_route_(needs_default_route),
      warn_(std::move(warn)), now_(source.look()), here_(memory.network_of(now_.identity())), slept_(source.slept()) {
  if (no_network()) tell(verdict::offline);
}

net::awaitable<void> whereabouts::watch(std::function<void()> on_change) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  for (;;) {
    const auto changed = co_await source_.changed();
    if (!changed) co_return; // cancelled, or the kernel tells nothing: then we stay where we were
    const auto settled = co_await net::sleep_for(settles);
    if (!settled) co_return;
    if (look()) on_change();
  }
}

bool whereabouts::look() {
  const bool was_without = no_network();
  const auto before = std::exchange(now_, source_.look());
  const auto epoch_before = epoch_;
  const bool woke = epoch() != epoch_before;
  if (net::same_network(before, now_)) return woke; // here_ stays, also where more is known of it now
  ++epoch_;
  // Away for a moment and back is no other network: the penalties that wait there hold as before.
  const auto here = now_.online ? memory_.network_of(now_.identity()) : here_;
  if (here != here_) events_.publish("network_changed");
  here_ = here;
  if (no_network())
    tell(verdict::offline);
  else if (was_without || told_ != verdict::open)
    tell(verdict::open); // what held on the network before says nothing about this one
  return true;
}

void whereabouts::judged(verdict what) {
  if (!no_network()) tell(what);
}

void whereabouts::tell(verdict what) {
  const auto before = std::exchange(told_, what);
  if (before == what) return;
  warn_("offline", what == verdict::offline ? "offline: this computer has no network; races wait for one" : "");
  warn_("captive_portal",
        what == verdict::captive_portal ? "captive_portal: this network wants a login first; races wait for it" : "");
  if (what == verdict::offline) events_.publish("offline");
  if (what == verdict::captive_portal) events_.publish("captive_portal");
  if (what == verdict::open && before == verdict::offline) events_.publish("online");
}

std::uint64_t whereabouts::epoch() {
  const auto slept = source_.slept();
  if (slept - slept_ > a_nap) ++epoch_;
  slept_ = slept;
  return epoch_;
}

} // namespace landfall::sidecar
