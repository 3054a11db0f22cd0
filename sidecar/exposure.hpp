// What an observer of the wire gets from a route, as far as its target says more than its kind (fallback/route.hpp has
// the table of kinds):
//
//   https      sni = "off": no name          an address for a host: neither name nor look-up; never a plaintext look-up
//   fronted    never a name of ours          addresses for all fronts, or [dns] doh: no plaintext look-up
//   bridge     all lines webtunnel, meek or conjure: TLS to a web server, quiet; anything else among them: conspicuous
//   onion, dns, dht    as their kind
#pragma once

#include "config/settings.hpp"
#include "fallback/route.hpp"

namespace landfall::sidecar {

[[nodiscard]] fallback::visibility visibility_of(const config::route& route, const config::settings& settings);

} // namespace landfall::sidecar
