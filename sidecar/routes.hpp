// From configured routes to closures that fetch. The only place that knows both: a new kind of route is one more arm of
// the visit in routes.cpp.
#pragma once

#include "config/settings.hpp"
#include "fallback/route.hpp"
#include "sidecar/transports.hpp"
#include "trust/document.hpp"

#include <string>
#include <vector>

namespace landfall::sidecar {

/// A route as `landfall status` shows it.
struct known_route {
  std::string name, kind;
  int tier = 1;
  std::string off; ///< why it is not used; empty: it is
};

struct route_set {
  std::vector<known_route> known;      ///< all, in the order of configuration, then of the list
  std::vector<fallback::route> usable; ///< those that can be raced
};

/// The configured routes, then those that the signed list in hand names and the configuration does not. A bridge route
/// becomes one for each of its lines, "NAME.1" and so on where there are several: bridges fail, wait and are remembered
/// each by itself. Lines that lead to tor are no routes: `through` gives them to a tor of ours. The closures borrow
/// `through`, which outlives them.
[[nodiscard]] route_set make_routes(const config::settings& settings, const trust::peer_list* list,
                                    transports& through);

} // namespace landfall::sidecar
