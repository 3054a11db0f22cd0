#include "sidecar/routes.hpp"

#include "fronting/https_route.hpp"
#include "sidecar/exposure.hpp"

#include <fmt/format.h>

#include <algorithm>
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

struct makes_way {
  const config::settings& settings;
  transports& through;

  way operator()(const config::https_target& target) const {
    if (!settings.sidecar.upstream_proxy.reveal().empty())
      return std::string("this version cannot fetch through upstream_proxy, and nothing may pass it by");
    fronting::https_fetch what;
    what.target = target;
    what.network = settings.network.id;
    what.channel = settings.network.channel;
    return fallback::fetch_fn([what, client = &through.https](fallback::document_request asked, net::progress_fn tell) {
      auto one = what;
      one.type = asked.type;
      one.root_version = asked.root_version;
      one.unless = asked.unless;
      one.now = asked.now;
      one.ignore_dates = asked.ignore_dates;
      one.progress = std::move(tell);
      return fronting::fetch(*client, std::move(one));
    });
  }
  way operator()(const config::fronted_target&) const { return not_built("fronted"); }
  way operator()(const config::bridge_target&) const { return not_built("bridge"); }
  way operator()(const config::onion_target&) const { return not_built("onion"); }
  way operator()(const config::dns_target&) const { return not_built("dns"); }
  way operator()(const config::dht_target&) const { return not_built("dht"); }

  static way not_built(std::string_view kind) { return fmt::format("this version has no routes of kind '{}'", kind); }
};

void add(route_set& set, const config::route& route, const makes_way& ways) {
  known_route shown{route.name, std::string(config::kind_of(route.target)), route.tier, {}};
  auto made = std::visit(ways, route.target);
  if (auto* why = std::get_if<std::string>(&made)) {
    shown.off = std::move(*why);
  } else {
    set.usable.push_back(
        {shown.name, shown.kind, route.group, route.tier, std::get<fallback::fetch_fn>(std::move(made))});
    set.usable.back().seen = visibility_of(route, ways.settings);
  }
  set.known.push_back(std::move(shown));
}

} // namespace

transports::transports(net::asio::any_io_executor executor, const config::settings& settings)
    : names(executor, resolver_of(settings)), https(executor, socket_of(settings), names) {}

route_set make_routes(const config::settings& settings, const trust::peer_list* list, transports& through) {
  route_set set;
  const makes_way ways{settings, through};
  for (const auto& route : settings.routes) add(set, route, ways);
  if (list == nullptr) return set;
  for (const auto& route : list->routes) {
    const auto same = [&route](const config::route& other) { return other.target == route.target; };
    if (std::none_of(settings.routes.begin(), settings.routes.end(), same)) add(set, route, ways);
  }
  return set;
}

} // namespace landfall::sidecar
