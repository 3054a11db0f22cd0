// Races in virtual time: a pure loop that feeds the schedule with modelled lanes. Thousands a second, no thread, no
// timer, no network; the same seed gives the same race. A library: tests and benchmarks describe worlds with it.
//
// A model is a route and what would happen on it: its place, steps, and outcome. `run(lanes, ...)` races them in the
// order given; `world::race` ranks them by a memory first, passes over those that wait, and records what happened, as
// fallback::race_routes does, so that a row of races can be told as a story.
#pragma once

#include "fallback/memory.hpp"
#include "fallback/rank.hpp"
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
  std::string group{};
  int tier = 1;
  std::vector<step> steps{};
  milliseconds ends{30000};
  base::outcome outcome = base::outcome::timed_out;
  std::optional<trust::tier> list{};
  bool adopted = false;
  std::string name{}; ///< empty: its index
  std::string kind = "https";
  base::stage stage = base::stage::none; ///< where it ends
  std::optional<base::place> where{};    ///< where it goes; told with a failure
  std::vector<base::place> places{};     ///< what is known of that beforehand
  std::optional<fallback::visibility> seen{};
};

struct happening {
  enum class kind { started, reached, ended } what;
  std::size_t lane;            ///< index into the models
  std::chrono::nanoseconds at; ///< from the start of the race
  base::stage stage = base::stage::none;
};

struct trace {
  std::vector<happening> happenings{}; ///< in order
  std::optional<std::size_t> winner{};
  std::optional<std::size_t> companion{};
  std::chrono::nanoseconds decided{0}; ///< the win, or the end
  std::chrono::nanoseconds finished{0};
  std::vector<fallback::lane_report> reports{};
  std::string complaint{}; ///< not empty: the schedule hung or span

  [[nodiscard]] std::vector<happening> only(happening::kind what) const;
};

/// Everything ends with the win, unless `compare` says otherwise.
[[nodiscard]] trace run(const std::vector<model>& lanes, const config::fallback_settings& settings, std::uint64_t seed,
                        milliseconds compare = milliseconds{0});

/// One machine over days: a memory, a wall clock, a network. Between races the test moves time and networks.
struct world {
  fallback::network_memory memory{base::secret(std::string(fallback::memory_secret_size, 'k'))};
  base::unix_time now = 1'795'132'800;
  std::string network = "home";
  config::fallback_settings settings{};
  milliseconds compare{0};

  [[nodiscard]] fallback::network_id here() const { return memory.network_of(network); }
  /// A lane whose every way leads to a place under a penalty ends as cancelled, as a fetch does. Time passes.
  trace race(const std::vector<model>& lanes, std::uint64_t seed);
};

/// The route of a model, without a fetch.
[[nodiscard]] fallback::route route_of(const model& from, std::size_t index);

// Words for tables.
[[nodiscard]] model silent(std::string group = {}, int tier = 1);
[[nodiscard]] model answering(milliseconds syn_ack, std::string group = {}, int tier = 1);
[[nodiscard]] model failing(milliseconds after, base::outcome how, int tier = 1);
[[nodiscard]] model bringing(milliseconds after, base::outcome what, trust::tier list, bool adopted, int tier = 1);
[[nodiscard]] model winning(milliseconds after, int tier = 1);

} // namespace landfall::simulation
