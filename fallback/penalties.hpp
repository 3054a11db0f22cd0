// penalties: who waits until when (design §8). Pure value.
//
//   scope (base::policy_of)  falls on                                                    where it holds
//   address                  every port of the address                                   this network
//   address_and_port         that                                                        this network
//   front                    the front's name, whatever route uses it                    this network
//   route_on_network         the route                                                   this network
//   route, a fixed wait      the route: its document is wrong, whoever carries it         every network
//   route, a backoff         the route: it was not reached, which the network may cause   this network
//
// A failure that does not say where it happened falls on the route. One that does, of a route whose places are known by
// name alone, falls on that name too (the front, or the route): a look-up would only lead back there.
#pragma once

#include "base/clock.hpp"
#include "fallback/keyed.hpp"
#include "fallback/lane.hpp"

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace landfall::fallback {

/// Nothing waits longer (policy_of's longest), so no `until` lies further ahead: what does was written by a clock that
/// has been set back since.
inline constexpr std::chrono::seconds longest_penalty = std::chrono::hours(24);
/// Of all networks. A route that fails adds three at most; beyond that those that end first are forgotten first.
inline constexpr std::size_t max_penalties = 1024;

/// Why a route or a place waits.
struct wait {
  base::unix_time until = 0;
  base::outcome why = base::outcome::cancelled;
  base::penalty_scope on = base::penalty_scope::nobody;
  friend bool operator==(const wait&, const wait&) = default;
};

/// What is kept of one: also after its end, since a backoff grows with the failures in a row.
struct penalty {
  wait waits;
  int failures = 0; ///< in a row
  friend bool operator==(const penalty&, const penalty&) = default;
};

class penalties {
public:
  explicit penalties(std::shared_ptr<const keyer> keys) : keys_(std::move(keys)) {}

  /// Applies policy_of(report.outcome) to what the report is about, and to each place that was given up on the way;
  /// `jitter` in [0,1) spreads a backoff over its upper half. An authentic list clears the route's own penalties, here
  /// and everywhere; a cancelled lane changes nothing besides what it had given up.
  void apply(const network_id& here, const route& what, const lane_report& report, base::unix_time now, double jitter);

  /// A route waits while it is penalised itself, or while every place that is known of it is.
  [[nodiscard]] std::optional<wait> of(const network_id& here, const route& what, base::unix_time now) const;
  /// Whether a place is not to be contacted: see avoid_fn.
  [[nodiscard]] bool avoids(const network_id& here, const base::place& where, base::unix_time now) const;

  /// For a clock that was set back: nothing waits longer from now than its class of failure ever does.
  void cap(base::unix_time now);

  using entries = std::map<memory_key, penalty>;
  [[nodiscard]] const entries& all() const noexcept { return all_; } ///< to be written
  /// Read from a file. More than max_penalties: those that end first are forgotten.
  void restore(entries from, base::unix_time now);

private:
  void strike(const network_id& here, const route& what, const base::failure& why, base::unix_time now, double jitter);
  [[nodiscard]] std::vector<memory_key> struck(const network_id& here, const route& what,
                                               const std::optional<base::place>& where,
                                               const base::policy& policy) const;
  [[nodiscard]] std::optional<wait> at(const memory_key& key, base::unix_time now) const;
  [[nodiscard]] std::optional<wait> of_place(const network_id& here, const base::place& where,
                                             base::unix_time now) const;
  void bound();

  std::shared_ptr<const keyer> keys_;
  entries all_;
};

/// "route", "route_on_network", "front", "address", "address_and_port"; "nobody" never stands in a wait.
[[nodiscard]] std::string_view name(base::penalty_scope value) noexcept;

/// An authentic list, or the proof that there is none newer.
[[nodiscard]] bool is_success(base::outcome what) noexcept;

} // namespace landfall::fallback
