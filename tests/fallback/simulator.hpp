// Races in virtual time: a pure loop that feeds the schedule with modelled lanes. Thousands a second, no thread, no
// timer, no network; the same seed gives the same race.
#pragma once

#include "fallback/schedule.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace landfall::simulation {

using std::chrono::milliseconds;

/// What a lane would do, from its own start.
struct model {
  struct step {
    milliseconds after;
    base::stage at;
  };
  std::string group;
  int tier = 1;
  std::vector<step> steps;
  milliseconds ends{30000};
  base::outcome outcome = base::outcome::timed_out;
  std::optional<trust::tier> list;
  bool adopted = false;
};

struct happening {
  enum class kind { started, reached, ended } what;
  std::size_t lane;
  std::chrono::nanoseconds at; ///< from the start of the race
  base::stage stage = base::stage::none;
};

struct trace {
  std::vector<happening> happenings; ///< in order
  std::optional<std::size_t> winner;
  std::chrono::nanoseconds finished{0};
  std::vector<fallback::lane_report> reports;
  std::string complaint; ///< not empty: the schedule hung or span

  [[nodiscard]] std::vector<happening> only(happening::kind what) const;
};

[[nodiscard]] trace run(const std::vector<model>& lanes, const config::fallback_settings& settings, std::uint64_t seed);

// Words for tables.
[[nodiscard]] model silent(std::string group = {}, int tier = 1);
[[nodiscard]] model answering(milliseconds syn_ack, std::string group = {}, int tier = 1);
[[nodiscard]] model failing(milliseconds after, base::outcome how, int tier = 1);
[[nodiscard]] model bringing(milliseconds after, base::outcome what, trust::tier list, bool adopted, int tier = 1);
[[nodiscard]] model winning(milliseconds after, int tier = 1);

} // namespace landfall::simulation
