#include "fallback/explain.hpp"

namespace landfall::fallback {

std::vector<explained_route> explain(std::span<const route> routes, const network_memory& memory,
                                     const network_id& here, config::exposure exposure, base::unix_time now) {
  std::vector<explained_route> out;
  for (const auto& one : rank(routes, memory, here, exposure, now)) {
    const auto& what = routes[one.route];
    explained_route shown{what.name, what.kind, one.why, one.as.conspicuous, one.waits, one.odds, std::nullopt, 0};
    if (const auto* record = memory.record_of(here, what)) {
      shown.last = record->last;
      shown.last_at = record->at;
    }
    out.push_back(std::move(shown));
  }
  return out;
}

} // namespace landfall::fallback
