#include "sidecar/metrics.hpp"

#include <fmt/format.h>

#include <iterator>

namespace landfall::sidecar {

namespace {

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void one(std::string& out, std::string_view name, std::string_view type, std::string_view help, std::int64_t value) {
  head(out, name, type, help);
  fmt::format_to(std::back_inserter(out), "{} {}\n", name, value);
}

std::int64_t counted(std::uint64_t value) { return static_cast<std::int64_t>(value); }

void proxy(std::string& out, const socks_counts& socks, const std::map<std::string, tunnel_counts>& tunnels) {
  auto into = std::back_inserter(out);
  one(out, "landfall_socks_connections", "gauge", "Clients of the local proxy.", counted(socks.open));
  one(out, "landfall_socks_half_open", "gauge", "Of those: not yet through the handshake.", counted(socks.half_open));
  one(out, "landfall_socks_accepted_total", "counter", "Clients accepted.", counted(socks.accepted));
  head(out, "landfall_socks_refused_total", "counter", "Clients turned away, by reason.");
  fmt::format_to(into, "landfall_socks_refused_total{{reason=\"pushed_out\"}} {}\n", socks.pushed_out);
  fmt::format_to(into, "landfall_socks_refused_total{{reason=\"handshake\"}} {}\n", socks.refused);
  fmt::format_to(into, "landfall_socks_refused_total{{reason=\"not_allowed\"}} {}\n", socks.not_allowed);
  head(out, "landfall_tunnel_streams_total", "counter", "Streams that a tunnel was asked for, by result.");
  for (const auto& [name, count] : tunnels) {
    fmt::format_to(into, "landfall_tunnel_streams_total{{tunnel=\"{}\",result=\"opened\"}} {}\n", name, count.opened);
    fmt::format_to(into, "landfall_tunnel_streams_total{{tunnel=\"{}\",result=\"failed\"}} {}\n", name, count.failed);
  }
  head(out, "landfall_tunnel_bytes_total", "counter", "Bytes carried, by tunnel and direction.");
  for (const auto& [name, count] : tunnels) {
    fmt::format_to(into, "landfall_tunnel_bytes_total{{tunnel=\"{}\",direction=\"sent\"}} {}\n", name,
                   count.bytes.sent);
    fmt::format_to(into, "landfall_tunnel_bytes_total{{tunnel=\"{}\",direction=\"received\"}} {}\n", name,
                   count.bytes.received);
  }
}

} // namespace

std::string to_text(const counters& now) {
  std::string out;
  auto into = std::back_inserter(out);
  one(out, "landfall_ready", "gauge", "1 when there are peers to hand over.", now.status.ready ? 1 : 0);
  one(out, "landfall_root_version", "gauge", "Version of the root document in force.", now.status.root_version);
  if (now.status.list) {
    one(out, "landfall_list_epoch", "gauge", "Epoch of the list in hand.", now.status.list->order.epoch);
    one(out, "landfall_list_version", "gauge", "Version of the list in hand.", now.status.list->order.version);
    one(out, "landfall_list_issued_seconds", "gauge", "When the list in hand was issued.", now.status.list->issued);
    head(out, "landfall_list_tier", "gauge", "1 for the tier of the list in hand.");
    fmt::format_to(into, "landfall_list_tier{{tier=\"{}\"}} 1\n", now.status.list->tier);
  }
  one(out, "landfall_races_total", "counter", "Races started.", counted(now.races));
  head(out, "landfall_lanes_total", "counter", "Lanes ended, by kind of route and outcome.");
  for (const auto& [what, count] : now.lanes)
    fmt::format_to(into, "landfall_lanes_total{{kind=\"{}\",outcome=\"{}\"}} {}\n", what.first, what.second, count);
  std::map<std::string, std::uint64_t> penalised;
  for (const auto& route : now.status.routes) penalised[route.route.kind] += route.penalised_until != 0 ? 1U : 0U;
  head(out, "landfall_routes_penalised", "gauge", "Routes that wait, by kind.");
  for (const auto& [kind, count] : penalised)
    fmt::format_to(into, "landfall_routes_penalised{{kind=\"{}\"}} {}\n", kind, count);
  one(out, "landfall_peers_handed_total", "counter", "Peers handed over.", counted(now.peers_handed));
  head(out, "landfall_api_answers_total", "counter", "Answers of the local API, by status.");
  for (const auto& [status, count] : now.answers)
    fmt::format_to(into, "landfall_api_answers_total{{status=\"{}\"}} {}\n", status, count);
  if (now.socks) proxy(out, *now.socks, now.tunnels);
  one(out, "landfall_events_lost_total", "counter", "Events that slow readers did not get.",
      counted(now.status.events_lost));
  one(out, "landfall_warnings", "gauge", "Warnings in force; 'landfall status' shows them.",
      counted(now.status.warnings.size()));
  return out;
}

} // namespace landfall::sidecar
