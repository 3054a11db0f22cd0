#include "sidecar/exposure.hpp"

#include "config/bridge_line.hpp"
#include "config/endpoint.hpp"

#include <algorithm>
#include <vector>

namespace landfall::sidecar {

namespace {

bool looks_like_the_web(const base::sensitive<std::string>& line) {
  const auto parsed = config::bridge_line::parse(line.reveal());
  if (!parsed) return false;
  const auto& how = parsed->transport;
  return how == "webtunnel" || how == "meek_lite" || how == "meek" || how == "conjure";
}

struct shows {
  const config::settings& settings;
  fallback::visibility usual;

  fallback::visibility operator()(const config::https_target& target) const {
    auto out = usual;
    const bool named = !config::ip_address::parse(target.url.host);
    out.shows_name = target.tls.sni && named;
    out.plain_lookup = false; // a direct host's name goes to DNS over HTTPS alone
    return out;
  }
  fallback::visibility operator()(const config::fronted_target& target) const {
    auto out = usual;
    const auto by_name = [](const config::front& one) { return !one.address; };
    // Asked for in plaintext beside DNS over HTTPS (http/names_policy.hpp); a proxy looks it up itself.
    out.plain_lookup = settings.sidecar.upstream_proxy.reveal().empty() && std::ranges::any_of(target.fronts, by_name);
    return out;
  }
  fallback::visibility operator()(const config::bridge_target& target) const {
    auto lines = target.lines;
    if (lines.empty())
      for (const auto& one : settings.bridges) lines.push_back(one.line);
    auto out = usual;
    if (!lines.empty() && std::ranges::all_of(lines, looks_like_the_web)) out.cost = fallback::cost::quiet;
    return out;
  }
  template <class Target> fallback::visibility operator()(const Target&) const { return usual; }
};

} // namespace

fallback::visibility visibility_of(const config::route& route, const config::settings& settings) {
  return std::visit(shows{settings, fallback::usual_visibility(config::kind_of(route.target))}, route.target);
}

} // namespace landfall::sidecar
