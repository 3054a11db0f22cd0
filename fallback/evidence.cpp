#include "fallback/evidence.hpp"

#include "config/endpoint.hpp"
#include "fallback/penalties.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace landfall::fallback {

namespace {

using base::outcome;
using reports = std::vector<const lane_report*>;

bool no_way_out(const lane_report* lane) {
  if (lane->outcome == outcome::offline) return true;
  return lane->outcome == outcome::unreachable && lane->stage == base::stage::connect && lane->elapsed < at_once;
}

/// A route without a group shares nothing with any other: it is a host of its own.
std::size_t hosts_of(const reports& lanes) {
  std::set<std::string> out;
  for (const auto* lane : lanes) out.insert(lane->group.empty() ? "route " + lane->route : "group " + lane->group);
  return out.size();
}

/// The one address at which all of them ended; empty where there is none, or it is our own machine's.
std::string one_address(const reports& lanes) {
  std::string out;
  for (const auto* lane : lanes) {
    if (!lane->where || lane->where->address.empty()) return {};
    if (!out.empty() && out != lane->where->address) return {};
    out = lane->where->address;
  }
  const bool ours = out.starts_with("127.") || out == "::1";
  return ours ? std::string() : out;
}

/// An error in plain HTTP where TLS was asked for. One host that does so is misconfigured.
bool spoke_http(const lane_report* lane) {
  return lane->outcome == outcome::malformed && lane->stage == base::stage::tls && lane->code != 0;
}

bool answered_for_another(const lane_report* lane) {
  return lane->outcome == outcome::tls_certificate || lane->outcome == outcome::http_status || spoke_http(lane);
}

/// A list that is replayed proves nothing: whoever plays the network may play that too.
bool proves_the_network(const lane_report& lane) {
  return (lane.tier && lane.outcome != outcome::rolled_back) || is_success(lane.outcome);
}

bool is_portal(const reports& lanes, std::string_view gateway) {
  reports named; // those that got as far as an address
  reports connected;
  for (const auto* lane : lanes) {
    if (lane->outcome == outcome::captive_portal) return true;
    if (lane->where && !lane->where->address.empty()) named.push_back(lane);
    if (lane->stage > base::stage::connect) connected.push_back(lane);
  }
  const bool one_and_the_same = !one_address(connected).empty() || std::ranges::all_of(connected, spoke_http);
  if (hosts_of(connected) >= 2 && one_and_the_same && std::ranges::all_of(connected, answered_for_another)) return true;
  if (hosts_of(named) < 2 || named.size() != lanes.size()) return false;
  const auto address = one_address(named);
  const auto parsed = config::ip_address::parse(address);
  return parsed && (address == gateway || !parsed->is_global());
}

} // namespace

verdict judge(std::span<const lane_report> lanes, std::string_view gateway) {
  reports ended;
  for (const auto& lane : lanes) {
    if (lane.outcome == outcome::cancelled) continue;
    if (proves_the_network(lane)) return verdict::open;
    ended.push_back(&lane);
  }
  if (ended.empty()) return verdict::open;
  const bool said_so = std::ranges::any_of(ended, [](const auto* lane) { return lane->outcome == outcome::offline; });
  if (std::ranges::all_of(ended, no_way_out) && (said_so || hosts_of(ended) >= 2)) return verdict::offline;
  return is_portal(ended, gateway) ? verdict::captive_portal : verdict::open;
}

} // namespace landfall::fallback
