#include "fallback/track_record.hpp"

#include "fallback/penalties.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace landfall::fallback {

namespace {

constexpr double forgotten = 0.005; // a week and a half after one failure

double fading(base::unix_time from, base::unix_time to) {
  if (to <= from) return 1; // a clock that was set back brings nothing back
  return std::exp2(-static_cast<double>(to - from) / static_cast<double>(half_life.count()));
}

void fade(route_record& record, base::unix_time now) {
  const double by = fading(record.at, now);
  record.wins *= by;
  if (record.wins < forgotten) record.wins = 0;
  for (auto& [what, weight] : record.failures) weight *= by;
  std::erase_if(record.failures, [](const auto& one) { return one.second < forgotten; });
  record.at = now;
}

std::int64_t median(std::vector<std::int64_t> of) {
  const auto middle = of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2);
  std::nth_element(of.begin(), middle, of.end());
  return *middle;
}

/// Forgets what was used least recently.
template <class Map> void bound(Map& map, std::size_t most) {
  while (map.size() > most)
    map.erase(std::min_element(map.begin(), map.end(),
                               [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
}

bool tells_nothing(base::outcome what) {
  using enum base::outcome;
  return what == cancelled || what == offline || what == captive_portal || what == local_error;
}

} // namespace

double route_record::failed() const {
  double out = 0;
  for (const auto& [what, weight] : failures) out += weight;
  return out;
}

odds odds_of(const route_record& record, base::unix_time now) {
  const double by = fading(record.at, now);
  odds out{record.wins * by, record.failed() * by, std::nullopt, std::nullopt};
  if (record.times.empty()) return out;
  out.median_ms = median(record.times);
  auto distances = record.times;
  for (auto& one : distances) one = std::abs(one - *out.median_ms);
  out.spread_ms = median(std::move(distances));
  return out;
}

void track_record::note(const network_id& here, const memory_key& route, const lane_report& report,
                        base::unix_time now) {
  if (tells_nothing(report.outcome)) return;
  auto& network = all_[here];
  network.at = now;
  auto& record = network.routes[route];
  fade(record, now);
  record.last = report.outcome;
  if (is_success(report.outcome)) {
    const bool fresh = report.tier == trust::tier::a && report.outcome != base::outcome::verified_but_older;
    if (fresh) {
      record.wins += 1;
      record.times.push_back(std::clamp<std::int64_t>(report.elapsed.count(), 0, longest_time));
      if (record.times.size() > max_times) record.times.erase(record.times.begin());
    }
  } else if (base::policy_of(report.outcome).hard) {
    record.failures[report.outcome] += 1;
  }
  bound(network.routes, max_routes_of_a_network);
  bound(all_, max_networks);
}

const route_record* track_record::of(const network_id& here, const memory_key& route) const {
  const auto network = all_.find(here);
  if (network == all_.end()) return nullptr;
  const auto found = network->second.routes.find(route);
  return found == network->second.routes.end() ? nullptr : &found->second;
}

void track_record::cap(base::unix_time now) {
  for (auto& [id, network] : all_) {
    network.at = std::min(network.at, now);
    for (auto& [key, record] : network.routes) record.at = std::min(record.at, now);
  }
}

void track_record::restore(networks from, base::unix_time now) {
  all_ = std::move(from);
  for (auto& [id, network] : all_) bound(network.routes, max_routes_of_a_network);
  bound(all_, max_networks);
  cap(now);
}

} // namespace landfall::fallback
