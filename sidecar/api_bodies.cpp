#include "sidecar/api_bodies.hpp"

#include <fmt/format.h>

#include <cmath>

namespace landfall::sidecar {

namespace json = boost::json;

namespace {

json::array strings(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& text : list) out.emplace_back(text);
  return out;
}

/// Plain integers, as everywhere in our JSON.
std::int64_t hundredths(double weight) { return std::llround(weight * 100); }
json::value or_null(const std::optional<std::int64_t>& number) {
  return number ? json::value(*number) : json::value(nullptr);
}

json::object lane_json(const lane_view& lane) {
  if (lane.ended) return to_json(*lane.ended);
  return {{"route", lane.route}, {"kind", lane.kind}, {"outcome", nullptr}, {"stage", base::name(lane.stage)}};
}

json::object route_json(const route_status& status) {
  const bool penalised = status.penalised_until != 0;
  const auto* state = !status.route.off.empty() ? "off" : status.running ? "running" : penalised ? "penalised" : "idle";
  json::object out{{"name", status.route.name}, {"kind", status.route.kind},
                   {"tier", status.route.tier}, {"state", state},
                   {"until", nullptr},          {"last", nullptr}};
  if (penalised) out["until"] = status.penalised_until;
  if (status.last) out["last"] = base::name(*status.last);
  return out;
}

} // namespace

json::object to_json(const fallback::lane_report& report) {
  return {{"route", report.route},
          {"kind", report.kind},
          {"outcome", base::name(report.outcome)},
          {"stage", base::name(report.stage)},
          {"error", report.error},
          {"ms", report.elapsed.count()},
          {"explain", base::explain(report.outcome)},
          {"hint", base::hint(report.outcome)}};
}

json::array to_json(const std::vector<fallback::lane_report>& reports) {
  json::array out;
  for (const auto& report : reports) out.push_back(to_json(report));
  return out;
}

json::array to_json(const std::vector<fallback::explained_route>& order) {
  json::array out;
  for (const auto& one : order) {
    json::object shown{{"route", one.route},
                       {"kind", one.kind},
                       {"why", fallback::name(one.why)},
                       {"because", fallback::explain(one.why)},
                       {"conspicuous", one.conspicuous},
                       {"waits", nullptr},
                       {"last", nullptr}};
    if (one.waits)
      shown["waits"] = json::object{{"until", one.waits->until},
                                    {"outcome", base::name(one.waits->why)},
                                    {"scope", fallback::name(one.waits->on)}};
    if (one.last) shown["last"] = json::object{{"outcome", base::name(*one.last)}, {"at", one.last_at}};
    shown["odds"] = json::object{{"wins", hundredths(one.odds.wins)},
                                 {"failures", hundredths(one.odds.failures)},
                                 {"median_ms", or_null(one.odds.median_ms)},
                                 {"spread_ms", or_null(one.odds.spread_ms)}};
    out.push_back(std::move(shown));
  }
  return out;
}

json::object to_json(const peers::candidate& peer, bool by_proxy) {
  json::array endpoints;
  for (const auto& endpoint : peer.endpoints) endpoints.emplace_back(endpoint.to_string());
  return {{"id", peer.id},
          {"endpoints", std::move(endpoints)},
          {"roles", strings(peer.roles)},
          {"source", peers::name(peer.source)},
          {"tier", trust::name(peer.tier)},
          {"list_version", peer.list_version},
          {"first_seen", peer.first_seen},
          {"proxy", by_proxy}};
}

json::object to_json(const handed_over& answer) {
  json::array peers;
  for (const auto& peer : answer.chosen.peers) peers.push_back(to_json(peer, answer.by_proxy.contains(peer.id)));
  return {{"peers", std::move(peers)},
          {"short", answer.too_few},
          {"degraded", strings(answer.chosen.degraded)},
          {"provisional", answer.provisional},
          {"socks", to_json(answer.socks)}};
}

json::value to_json(const std::optional<socks_told>& proxy) {
  if (!proxy) return nullptr;
  return {{"address", proxy->address}, {"user", proxy->user.reveal()}, {"password", proxy->password.reveal()}};
}

json::object to_json(const status& now) {
  json::object out{{"version", LANDFALL_VERSION}, {"network", now.network}, {"ready", now.ready}};
  out["root_version"] = now.root_version;
  out["list"] = nullptr;
  if (now.list)
    out["list"] = json::object{{"epoch", now.list->order.epoch},
                               {"version", now.list->order.version},
                               {"tier", now.list->tier},
                               {"issued", now.list->issued}};
  out["race"] = nullptr;
  if (now.race) {
    json::array lanes;
    for (const auto& lane : now.lanes) lanes.push_back(lane_json(lane));
    out["race"] = json::object{{"n", *now.race}, {"lanes", std::move(lanes)}};
  }
  json::array routes;
  for (const auto& route : now.routes) routes.push_back(route_json(route));
  out["routes"] = std::move(routes);
  out["socks"] = to_json(now.socks);
  out["events_lost"] = now.events_lost;
  out["warnings"] = strings(now.warnings);
  return out;
}

json::object no_peers_body(const handed_over& answer) {
  std::string message = "no peers in time";
  for (const auto& lane : answer.lanes)
    message += fmt::format("; {}: {}", lane.route, lane.error.empty() ? base::explain(lane.outcome) : lane.error);
  if (answer.lanes.empty()) message += ": no route is configured";
  return {{"error", "no_peers"},
          {"message", message},
          {"hint", "see lanes for each route; 'landfall status' shows what is tried and when"},
          {"lanes", to_json(answer.lanes)}};
}

} // namespace landfall::sidecar
