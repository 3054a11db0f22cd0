#include "sidecar/routes.hpp"

#include "base/encoding.hpp"
#include "config/bridge_line.hpp"
#include "config/endpoint.hpp"
#include "config/host.hpp"
#include "fronting/https_route.hpp"
#include "sidecar/exposure.hpp"
#include "sidecar/stream_route.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <variant>

namespace landfall::sidecar {

namespace {

using net::awaitable;

/// How a route fetches, or why it cannot.
using way = std::variant<fallback::fetch_fn, std::string>;

/// A signed list may name no private address (design §4); nor may a name of its lead to one.
fallback::avoid_fn global_only(fallback::avoid_fn avoid) {
  return [avoid = std::move(avoid)](const base::place& where) {
    const auto address = config::ip_address::parse(where.address);
    return (address && !address->is_global()) || (avoid && avoid(where));
  };
}

awaitable<net::result<net::stream_ptr>> open_onion(onion::tor& tor, wire::socks_destination to, net::progress_fn tell) {
  // One isolation for each lane: what one of them fetched tells nobody about another.
  auto isolation = base::to_hex(crypto::random_bytes(8));
  onion::phase_fn phases = [tell](const wire::bootstrap_phase& phase) {
    if (tell) tell(phase.progress == 100 ? base::stage::proxy : base::stage::handshake);
  };
  auto opening = tor.open(std::move(to), std::move(isolation), std::move(phases));
  auto stream = co_await std::move(opening);
  co_return stream;
}

open_carrier_fn opens_onion(onion::tor& tor, const config::url& url) {
  const auto to = wire::socks_destination::parse(url.host, url.port);
  return [tor = &tor, to](net::progress_fn tell) -> awaitable<net::result<net::stream_ptr>> {
    return open_onion(*tor, *to, std::move(tell));
  };
}

struct makes_way {
  const config::settings& settings;
  transports& through;
  bool listed = false; ///< the route comes from a signed list
  std::string name{};  ///< of the route

  way operator()(const config::https_target& target) const { return fetches(target.url, {}, target.tls); }
  way operator()(const config::fronted_target& target) const { return fetches(target.url, target.fronts, target.tls); }
  way operator()(const config::bridge_target& target) const { return through_bridge(target.lines.front()); }
  way operator()(const config::onion_target& target) const {
    if (auto off = through.tor_off(name); !off.empty()) return off;
    auto& tor = through.tor_of(listed ? nullptr : &target);
    auto route = carrier(opens_onion(tor, target.url), target.url.reveal(), {});
    route.judge = [tor = &tor](base::failure why) { return tor->judge(std::move(why)); };
    return over_streams(through.https, std::move(route));
  }
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
    if (!through.upstream_off.empty()) return through.upstream_off;
    fronting::https_fetch what;
    what.url = url;
    what.fronts = fronts;
    what.tls = tls;
    what.network = settings.network.id;
    what.channel = settings.network.channel;
    if (through.upstream) what.via = *through.upstream;
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

  [[nodiscard]] stream_route carrier(open_carrier_fn open, std::string base, std::optional<base::place> where) const {
    return {std::move(open),
            std::move(base),
            settings.network.id,
            settings.network.channel,
            settings.sidecar.state,
            std::move(where),
            {}};
  }

  [[nodiscard]] way through_bridge(const base::sensitive<std::string>& text) const {
    const auto line = config::bridge_line::parse(text.reveal());
    if (!line) return std::string("its line cannot be read");
    if (auto off = through.bridges.off(line->transport); !off.empty()) return off;
    const auto& where = line->where.reveal();
    open_carrier_fn open = [bridges = &through.bridges, line = *line](net::progress_fn tell) {
      return bridges->open(line, std::move(tell));
    };
    return over_streams(through.https, carrier(std::move(open), "http://landfall/",
                                               base::place{where.address.to_string(), where.port.value_or(443), {}}));
  }

  static way not_built(std::string_view kind) { return fmt::format("this version has no routes of kind '{}'", kind); }
};

/// What can be under a penalty before any look-up (fallback::route::places).
struct places_of_target {
  std::vector<base::place> operator()(const config::https_target& to) const { return fronting::places_of(to.url, {}); }
  std::vector<base::place> operator()(const config::fronted_target& to) const {
    return fronting::places_of(to.url, to.fronts);
  }
  std::vector<base::place> operator()(const config::bridge_target& to) const {
    const auto line = config::bridge_line::parse(to.lines.front().reveal());
    if (!line || !ptclient::is_native(line->transport)) return {};
    const auto& where = line->where.reveal();
    return {{where.address.to_string(), where.port.value_or(443), {}}};
  }
  template <class Other> std::vector<base::place> operator()(const Other&) const { return {}; }
};

void add_one(route_set& set, const config::route& route, makes_way ways) {
  known_route shown{route.name, std::string(config::kind_of(route.target)), route.tier, {}};
  ways.name = route.name;
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

/// The lines of a bridge route: its own, else all that are configured; of these, those that lead to a landfall server.
std::vector<base::sensitive<std::string>> lines_of(const config::bridge_target& target,
                                                   const config::settings& settings) {
  std::vector<base::sensitive<std::string>> out;
  std::ranges::remove_copy_if(target.lines, std::back_inserter(out), leads_to_tor);
  if (!target.lines.empty()) return out;
  for (const auto& bridge : settings.bridges)
    if (bridge.far_end == "landfall") out.push_back(bridge.line);
  return out;
}

void add(route_set& set, const config::route& route, const makes_way& ways) {
  const auto* target = std::get_if<config::bridge_target>(&route.target);
  if (target == nullptr) return add_one(set, route, ways);
  const auto lines = lines_of(*target, ways.settings);
  // One of a list with nothing but bridges of tor's is of use to the onion routes (transports), and no failure.
  if (lines.empty() && !ways.listed)
    set.known.push_back({route.name, "bridge", route.tier, "no bridge leads to a landfall server: add one's line"});
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto one = route;
    one.target = config::bridge_target{{lines[i]}};
    if (lines.size() > 1) one.name = fmt::format("{}.{}", route.name, i + 1);
    if (one.group == "bridge") one.group.clear(); // the default, which would say that all of them fail together
    add_one(set, one, ways);
  }
}

} // namespace

route_set make_routes(const config::settings& settings, const trust::peer_list* list, transports& through) {
  through.use_bridges_of(settings, list);
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
