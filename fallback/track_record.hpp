// track_record: how routes fared on each network, fading. Pure value.
//
// Not one winner but odds: a censor changes its mind, and a memory of one winner is either wrong for a day or forgotten
// at the first hiccup. What happened weighs 1 and halves every day: after a week nothing is left but the configuration.
// What says nothing about the route (cancelled, offline, a login page, our own disk) leaves no trace.
#pragma once

#include "base/clock.hpp"
#include "fallback/keyed.hpp"
#include "fallback/lane.hpp"

#include <map>
#include <optional>
#include <vector>

namespace landfall::fallback {

inline constexpr std::chrono::seconds half_life = std::chrono::hours(24);
inline constexpr std::size_t max_networks = 16;            ///< those seen last; home, work, two phones and some cafés
inline constexpr std::size_t max_routes_of_a_network = 64; ///< those tried last
inline constexpr std::size_t max_times = 9; ///< of the last lists: the median of nine bears four outliers

inline constexpr std::int64_t longest_time = 3'600'000; ///< ms; no lane runs an hour

/// What is remembered of a route on a network.
struct route_record {
  double wins = 0;                               ///< authentic fresh lists, faded to `at`
  std::map<base::outcome, double> failures;      ///< hard ones by class, faded to `at`
  std::vector<std::int64_t> times;               ///< ms from a lane's start to its list, oldest first
  base::outcome last = base::outcome::cancelled; ///< how the last attempt that ended by itself ended
  base::unix_time at = 0;                        ///< when that was

  [[nodiscard]] double failed() const; ///< all classes together
  friend bool operator==(const route_record&, const route_record&) = default;
};

/// The odds of a route now. Even for one that was never tried.
struct odds {
  double wins = 0, failures = 0;                    ///< faded to now
  std::optional<std::int64_t> median_ms, spread_ms; ///< of the last lists; spread: the median distance from the median

  /// (wins + 1) / (wins + failures + 2): even odds are the prior, which evidence overcomes and time brings back.
  [[nodiscard]] double of_winning() const { return (wins + 1) / (wins + failures + 2); }
  /// A win of the last two days that weighs more than all failures since.
  [[nodiscard]] bool proven() const { return wins >= 0.25 && wins > failures; }
};
[[nodiscard]] odds odds_of(const route_record& record, base::unix_time now);

/// Routes by their key on this network; a network that is not known has none.
struct network_record {
  base::unix_time at = 0; ///< last seen
  std::map<memory_key, route_record> routes;
  friend bool operator==(const network_record&, const network_record&) = default;
};

class track_record {
public:
  void note(const network_id& here, const memory_key& route, const lane_report& report, base::unix_time now);
  [[nodiscard]] const route_record* of(const network_id& here, const memory_key& route) const;

  /// For a clock that was set back: nothing happened in the future.
  void cap(base::unix_time now);

  using networks = std::map<network_id, network_record>;
  [[nodiscard]] const networks& all() const noexcept { return all_; } ///< to be written
  void restore(networks from, base::unix_time now);

private:
  networks all_;
};

} // namespace landfall::fallback
