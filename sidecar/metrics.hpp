// The sidecar's counters as Prometheus text (exposition format 0.0.4). No addresses, no names of routes: kinds alone.
#pragma once

#include "sidecar/api_bodies.hpp"
#include "sidecar/tunnel.hpp"

#include <map>
#include <string>

namespace landfall::sidecar {

struct counters {
  sidecar::status status;
  race_watch::lane_counts lanes;
  std::uint64_t races = 0;
  std::map<unsigned, std::uint64_t> answers; ///< of the local API, by HTTP status
  std::uint64_t peers_handed = 0;
  std::optional<socks_counts> socks;            ///< without a proxy: nothing
  std::map<std::string, tunnel_counts> tunnels; ///< by name
};

[[nodiscard]] std::string to_text(const counters& now);

} // namespace landfall::sidecar
