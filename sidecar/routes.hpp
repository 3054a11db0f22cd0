// From configured routes to closures that fetch. The only place that knows both: a new kind of route is one more arm of
// the visit in routes.cpp.
#pragma once

#include "config/settings.hpp"
#include "fallback/route.hpp"
#include "http/client.hpp"
#include "trust/document.hpp"

#include <optional>
#include <string>
#include <vector>

namespace landfall::sidecar {

/// What fetches: made idle, so that nothing of TLS or DNS is loaded before the first request.
struct transports {
  transports(net::asio::any_io_executor executor, const config::settings& settings);
  http::resolver names;
  http::client https;
};

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

/// The configured routes, then those that the signed list in hand names and the configuration does not. The closures
/// borrow `through`, which outlives them.
[[nodiscard]] route_set make_routes(const config::settings& settings, const trust::peer_list* list,
                                    transports& through);

/// How what this program sends leaves the machine: [sidecar] upstream_proxy, or directly. Nothing where it cannot be
/// read: the configuration's reader has refused such a text already; but what is meant to be proxied must not go
/// directly, whoever made the settings.
[[nodiscard]] std::optional<http::via> way_out(const config::settings& settings);

} // namespace landfall::sidecar
