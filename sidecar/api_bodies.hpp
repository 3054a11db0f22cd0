// The JSON of the local API and of `--json`: pure, from values to text, in one place, because tests, discovery.py and
// users depend on every key (docs/API.md shows each with an example).
#pragma once

#include "fallback/explain.hpp"
#include "fallback/race.hpp"
#include "peers/selection.hpp"
#include "sidecar/race_watch.hpp"
#include "sidecar/routes.hpp"
#include "sidecar/socks_told.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace landfall::sidecar {

/// What was handed over, or - without peers - why not.
struct handed_over {
  peers::chosen chosen;
  bool too_few = false;                     ///< fewer than `min`
  bool provisional = false;                 ///< a race goes on for something fresher
  std::vector<fallback::lane_report> lanes; ///< every route and how it fared last
  std::optional<socks_told> socks;          ///< where and how the local proxy is asked
  std::set<std::string> by_proxy;           ///< ids of those that it may reach, and direct dialling does not
};

/// A route with what is remembered of it.
struct route_status {
  known_route route;
  bool running = false;
  base::unix_time penalised_until = 0; ///< 0: not
  std::optional<base::outcome> last;
};

struct list_status {
  trust::list_order order;
  std::string tier;
  base::unix_time issued = 0;
};

/// What /v1/status tells.
struct status {
  std::string network;
  bool ready = false; ///< there are peers to hand over
  std::int64_t root_version = 0;
  std::optional<list_status> list;
  std::optional<std::uint64_t> race;
  std::vector<lane_view> lanes; ///< of that race
  std::vector<route_status> routes;
  std::optional<socks_told> socks;
  std::uint64_t events_lost = 0;
  std::vector<std::string> warnings;
};

/// {"route","kind","outcome","stage","error","ms","explain","hint"}
[[nodiscard]] boost::json::object to_json(const fallback::lane_report& report);
[[nodiscard]] boost::json::array to_json(const std::vector<fallback::lane_report>& reports);
/// Of each {"route","kind","why","because","conspicuous","waits":null|{"until","outcome","scope"},
/// "last":null|{"outcome","at"},"odds":{"wins","failures","median_ms","spread_ms"}}; weights in hundredths.
[[nodiscard]] boost::json::array to_json(const std::vector<fallback::explained_route>& order);
/// {"peers","short","degraded","provisional","socks"}
[[nodiscard]] boost::json::object to_json(const handed_over& answer);
/// {"address","user","password"}, or null without a proxy.
[[nodiscard]] boost::json::value to_json(const std::optional<socks_told>& proxy);
/// One peer as in /v1/peers.
[[nodiscard]] boost::json::object to_json(const peers::candidate& peer, bool by_proxy = false);
[[nodiscard]] boost::json::object to_json(const status& now);
/// {"error":"no_peers","message","hint","lanes"}: the explained failure.
[[nodiscard]] boost::json::object no_peers_body(const handed_over& answer);

} // namespace landfall::sidecar
