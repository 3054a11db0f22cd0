// Landfall in the race bench: its ranking, its schedule, its penalties and its memory over modelled lanes, put together
// as fallback::race_routes does it. And an account of penalties of its own, which shares no code with
// fallback/penalties.
#pragma once

#include "bench/race_run.hpp"
#include "fallback/memory.hpp"

#include <map>
#include <string>
#include <vector>

namespace landfall::bench {

/// Design §8, kept again from the table alone: who must not be contacted until when.
class penalty_audit {
public:
  void failed(const race_route& route, const leg& what, nanoseconds at);
  void contacted(const race_route& route, const leg& what, nanoseconds at);

  std::size_t contacts = 0;
  std::size_t violations = 0; ///< inside a penalty
private:
  std::map<std::string, nanoseconds> waits_; ///< until when
};

/// One machine on one network.
struct story {
  fallback::network_memory memory{base::secret(std::string(fallback::memory_secret_size, 'k'))};
  config::fallback_settings settings{};
  penalty_audit audit{};
  std::size_t held_back = 0; ///< routes that waited at a race's start, and lanes that found their places waiting

  /// The race that starts at `at` in this world; remembers it.
  race_log race(const std::vector<race_route>& routes, censor::world& world, const censor::model_path& path,
                nanoseconds at, std::uint64_t seed);
};

/// When the schedule would start each route if none ever answered: what it prescribes.
[[nodiscard]] std::vector<milliseconds> prescribed_starts(const std::vector<race_route>& routes, std::uint64_t seed);

/// How a lane of that course ended, for a plan.
[[nodiscard]] fallback::lane_report report_of(const race_route& route, const lane_course& course);

} // namespace landfall::bench
