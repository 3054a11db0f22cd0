// A trace of the model as a lane of the race's simulator (tests/fallback/simulator.hpp).
#pragma once

#include "tests/censor/model.hpp"
#include "tests/fallback/simulator.hpp"

#include <string>
#include <utility>

namespace landfall::censor {

/// A fetch that succeeded brings a fresh list and wins.
[[nodiscard]] inline simulation::model to_lane(const trace& from, std::string group, int tier) {
  simulation::model out;
  out.group = std::move(group);
  out.tier = tier;
  for (const auto& step : from.steps) out.steps.push_back({step.after, step.at});
  out.ends = from.ends;
  out.outcome = from.outcome;
  if (from.outcome != base::outcome::won) return out;
  out.list = trust::tier::a;
  out.adopted = true;
  return out;
}

} // namespace landfall::censor
