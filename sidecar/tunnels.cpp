#include "sidecar/tunnels.hpp"

#include "config/bridge_line.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::sidecar {

namespace {

/// tor may have to be started first, and finds its way in its own time.
constexpr std::chrono::seconds tor_limit{90};

net::awaitable<net::result<net::stream_ptr>> open_by_tor(onion::tor& tor, tunnel_request asked) {
  auto opening = tor.open(std::move(asked.to), asked.token.reveal());
  auto stream = co_await std::move(opening);
  co_return stream;
}

tunnel tor_tunnel(onion::tor& tor) {
  tunnel out;
  out.name = "tor";
  out.takes_names = true;
  out.limit = tor_limit;
  out.open = [tor = &tor](tunnel_request asked) { return open_by_tor(*tor, std::move(asked)); };
  return out;
}

} // namespace

std::vector<tunnel> make_tunnels(const config::settings& settings, transports& through) {
  std::vector<tunnel> out;
  if (!through.upstream_off.empty()) return out;
  const net::socket_options sockets{settings.sidecar.fwmark, settings.sidecar.interface};
  out.push_back(through.upstream ? upstream_tunnel(*through.upstream, through.names, sockets) : direct_tunnel(sockets));
  int number = 0;
  for (const auto& bridge : settings.bridges) {
    const auto line = config::bridge_line::parse(bridge.line.reveal());
    if (bridge.far_end != "landfall" || !line || !through.bridges.off(line->transport).empty()) continue;
    open_stream_fn open = [bridges = &through.bridges, line = *line] { return bridges->open(line); };
    out.push_back(bridge_tunnel(fmt::format("bridge-{}", ++number), std::move(open)));
  }
  const auto is_onion = [](const config::route& route) {
    return std::holds_alternative<config::onion_target>(route.target);
  };
  const auto first = std::ranges::find_if(settings.routes, is_onion);
  if (first != settings.routes.end() && through.tor_off(first->name).empty())
    out.push_back(tor_tunnel(through.tor_of(&std::get<config::onion_target>(first->target))));
  return out;
}

} // namespace landfall::sidecar
