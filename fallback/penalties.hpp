// Who waits until when, and how routes fared: applied once after a race from the reports (design §1, §8). Pure value;
// save and load are one file, fallback.json in the state folder, damaged ones set aside.
//
// Every scope of design §8 falls on the route here: a route's addresses and fronts are its own affair (layer 4).
#pragma once

#include "base/clock.hpp"
#include "fallback/lane.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace landfall::fallback {

/// Nothing waits longer (policy_of's longest), so no `until` lies further ahead: what does was written by a clock that
/// has been set back since.
inline constexpr std::chrono::seconds longest_penalty = std::chrono::hours(24);
inline constexpr std::size_t max_remembered_routes = 512; ///< the least recently tried are forgotten
inline constexpr std::size_t max_route_name = 256;        ///< bytes; a longer one is not remembered
/// Room for all of them, every byte of a name escaped.
inline constexpr std::size_t max_memory_text = std::size_t{1024} * 1024;
static_assert(max_remembered_routes * (max_route_name * 6 + 256) < max_memory_text);

/// What is remembered of a route.
struct route_memory {
  base::unix_time until = 0; ///< not tried before
  int failures = 0;          ///< in a row
  base::outcome last =
      base::outcome::cancelled; ///< how the last attempt that ended by itself ended; cancelled: none did
  base::unix_time last_at = 0;
  std::int64_t wins = 0, tries = 0; ///< a win is an authentic, fresh list, adopted or the same
  friend bool operator==(const route_memory&, const route_memory&) = default;
};

class penalties {
public:
  /// Applies policy_of(report.outcome); `jitter` in [0,1) spreads the backoff over its upper half. An authentic list
  /// that is no penalty clears what was there; a lane that was cancelled leaves no trace.
  void record(const lane_report& report, base::unix_time now, double jitter);
  [[nodiscard]] bool penalised(const std::string& route, base::unix_time now) const;
  [[nodiscard]] const route_memory* of(const std::string& route) const;
  /// For a clock that was set back: what waits longer than the longest penalty from now waits that long.
  void cap(base::unix_time now);

  /// Whole-file text, and back. A damaged text is nullopt. Times far in the future (clock stepped back) are capped.
  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] static std::optional<penalties> from_text(std::string_view text, base::unix_time now);
  /// Errors: local_error; the old file stays.
  [[nodiscard]] base::result<void> save(const std::filesystem::path& file) const;
  /// No file: nothing remembered. One that cannot be read or is damaged: set aside, and a line in `complaints`.
  [[nodiscard]] static penalties load(const std::filesystem::path& file, base::unix_time now,
                                      std::vector<std::string>& complaints);

private:
  std::map<std::string, route_memory> routes_;
};

} // namespace landfall::fallback
