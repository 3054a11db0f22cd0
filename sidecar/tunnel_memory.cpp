#include "sidecar/tunnel_memory.hpp"

#include "base/outcome.hpp"

#include <algorithm>

namespace landfall::sidecar {

std::vector<std::string> tunnel_memory::order(const fallback::network_id& here, std::vector<std::string> names,
                                              base::steady_time now) const {
  const auto network = networks_.find(here);
  if (network == networks_.end()) return names;
  const auto& tunnels = network->second;
  const auto rests = base::policy_of(base::outcome::timed_out).retry;
  const auto rank = [&](const std::string& name) {
    const auto found = tunnels.find(name);
    if (found == tunnels.end()) return 1;
    const auto& [good, failed] = found->second;
    const bool worse = failed && (!good || *failed > *good);
    if (worse) return now - *failed < rests ? 2 : 1;
    return good && now - *good < good_for ? 0 : 1;
  };
  const auto last_good = [&](const std::string& name) { return *tunnels.find(name)->second.good; };
  std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    const int one = rank(a), other = rank(b);
    if (one == 0 && other == 0) return last_good(a) > last_good(b);
    return one < other;
  });
  return names;
}

void tunnel_memory::record(const fallback::network_id& here, const attempt& found, base::steady_time now) {
  if (!found.good) return;
  if (networks_.size() >= max_networks && !networks_.contains(here)) networks_.clear();
  auto& tunnels = networks_[here];
  for (const auto& name : found.failed) tunnels[name].failed = now;
  tunnels[*found.good].good = now;
}

} // namespace landfall::sidecar
