#include "sidecar/routes.hpp"

#include "config/endpoint.hpp"
#include "config/host.hpp"
#include "fronting/https_route.hpp"
#include "sidecar/exposure.hpp"

#include <boost/url.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <variant>

namespace landfall::sidecar {

namespace {

net::socket_options socket_of(const config::settings& settings) {
  return {settings.sidecar.fwmark, settings.sidecar.interface};
}

http::resolver_options resolver_of(const config::settings& settings) {
  http::resolver_options options;
  options.servers = settings.dns.resolvers;
  options.socket = socket_of(settings);
  options.doh = settings.dns.doh;
  options.doh_ca = settings.dns.ca;
  options.lab = settings.network.lab;
  options.behind_proxy = !settings.sidecar.upstream_proxy.reveal().empty();
  return options;
}

/// How a route fetches, or why it cannot.
using way = std::variant<fallback::fetch_fn, std::string>;

/// A signed list may name no private address (design §4); nor may a name of its lead to one.
fallback::avoid_fn global_only(fallback::avoid_fn avoid) {
  return [avoid = std::move(avoid)](const base::place& where) {
    const auto address = config::ip_address::parse(where.address);
    return (address && !address->is_global()) || (avoid && avoid(where));
  };
}

struct makes_way {
  const config::settings& settings;
  transports& through;
  bool listed = false; ///< the route comes from a signed list

  way operator()(const config::https_target& target) const { return fetches(target.url, {}, target.tls); }
  way operator()(const config::fronted_target& target) const { return fetches(target.url, target.fronts, target.tls); }
  way operator()(const config::bridge_target&) const { return not_built("bridge"); }
  way operator()(const config::onion_target&) const { return not_built("onion"); }
  way operator()(const config::dns_target&) const {
    return proxied() ? std::string("its queries would pass upstream_proxy by") : not_built("dns");
  }
  way operator()(const config::dht_target&) const {
    return proxied() ? std::string("it is UDP, which upstream_proxy does not carry") : not_built("dht");
  }

private:
  [[nodiscard]] bool proxied() const { return !settings.sidecar.upstream_proxy.reveal().empty(); }

  [[nodiscard]] way fetches(const config::url& url, const std::vector<config::front>& fronts,
                            const config::https_options& tls) const {
    if (!tls.profile.empty()) return std::string("this version imitates no browser: take 'profile' out of the route");
    auto via = way_out(settings);
    if (!via) return std::string("upstream_proxy cannot be read, and nothing may pass it by");
    fronting::https_fetch what;
    what.url = url;
    what.fronts = fronts;
    what.tls = tls;
    what.network = settings.network.id;
    what.channel = settings.network.channel;
    what.via = std::move(*via);
    // Not all users at the first front, nor one user at the same one for ever.
    what.front_at = std::make_shared<std::size_t>(static_cast<unsigned char>(crypto::random_bytes(1).front()));
    const bool filtered = listed && !settings.network.lab;
    return fallback::fetch_fn(
        [what, filtered, client = &through.https](fallback::document_request asked, net::progress_fn tell) {
          auto one = what;
          one.type = asked.type;
          one.root_version = asked.root_version;
          one.unless = asked.unless;
          one.now = asked.now;
          one.ignore_dates = asked.ignore_dates;
          one.avoid = filtered ? global_only(std::move(asked.avoid)) : std::move(asked.avoid);
          one.gave_up = std::move(asked.gave_up);
          one.progress = std::move(tell);
          one.seen = std::move(asked.seen);
          return fronting::fetch(*client, std::move(one));
        });
  }

  static way not_built(std::string_view kind) { return fmt::format("this version has no routes of kind '{}'", kind); }
};

/// What can be under a penalty before any look-up (fallback::route::places).
struct places_of_target {
  std::vector<base::place> operator()(const config::https_target& to) const { return fronting::places_of(to.url, {}); }
  std::vector<base::place> operator()(const config::fronted_target& to) const {
    return fronting::places_of(to.url, to.fronts);
  }
  template <class Other> std::vector<base::place> operator()(const Other&) const { return {}; }
};

void add(route_set& set, const config::route& route, const makes_way& ways) {
  known_route shown{route.name, std::string(config::kind_of(route.target)), route.tier, {}};
  auto made = std::visit(ways, route.target);
  if (auto* why = std::get_if<std::string>(&made)) {
    shown.off = std::move(*why);
  } else {
    set.usable.push_back({shown.name, shown.kind, route.group, route.tier,
                          std::get<fallback::fetch_fn>(std::move(made)), std::visit(places_of_target(), route.target)});
    set.usable.back().seen = visibility_of(route, ways.settings);
  }
  set.known.push_back(std::move(shown));
}

} // namespace

std::optional<http::via> way_out(const config::settings& settings) {
  const auto& text = settings.sidecar.upstream_proxy.reveal();
  if (text.empty()) return http::direct{};
  const auto parsed = boost::urls::parse_uri(text);
  const auto host = config::host_of_url(text);
  if (!parsed || !host) return std::nullopt;
  const auto port = config::parse_port(std::string_view(parsed->port().data(), parsed->port().size()));
  const bool http = parsed->scheme() == "http";
  if (!port || (!http && parsed->scheme() != "socks5")) return std::nullopt;
  return http::proxy{http ? http::proxy_kind::http : http::proxy_kind::socks5, *host, *port,
                     base::sensitive(std::string(parsed->user())), base::sensitive(std::string(parsed->password()))};
}

transports::transports(net::asio::any_io_executor executor, const config::settings& settings)
    : names(executor, resolver_of(settings)), https(executor, socket_of(settings), names) {}

route_set make_routes(const config::settings& settings, const trust::peer_list* list, transports& through) {
  route_set set;
  const makes_way ways{settings, through};
  for (const auto& route : settings.routes) add(set, route, ways);
  if (list == nullptr) return set;
  const makes_way listed{settings, through, true};
  for (const auto& route : list->routes) {
    const auto same = [&route](const config::route& other) { return other.target == route.target; };
    if (std::none_of(settings.routes.begin(), settings.routes.end(), same)) add(set, route, listed);
  }
  return set;
}

} // namespace landfall::sidecar
