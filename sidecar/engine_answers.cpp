// The engine's answers to the local API.
#include "net/deadline.hpp"
#include "sidecar/engine.hpp"
#include "sidecar/metrics.hpp"
#include "sidecar/socks_server.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>

#include <algorithm>

namespace landfall::sidecar {

namespace json = boost::json;
using net::awaitable;

namespace {

bool fresh_enough(trust::tier tier, freshness wanted) {
  switch (wanted) {
  case freshness::any: return true;
  case freshness::valid: return tier == trust::tier::a || tier == trust::tier::a_minus;
  case freshness::fresh: return tier == trust::tier::a;
  }
  return false;
}

fallback::lane_report untried(const known_route& route, std::string why) {
  fallback::lane_report report;
  report.route = route.name;
  report.kind = route.kind;
  report.error = std::move(why);
  return report;
}

api_answer ok(unsigned status, const json::object& body) { return api_answer(status, json::serialize(body)); }

} // namespace

handed_over engine::choose(const get_peers& asked) {
  auto candidates = held_->book.candidates(held_->trust, clock_.wall());
  std::erase_if(candidates, [&](const peers::candidate& c) { return !fresh_enough(c.tier, asked.freshness); });
  handed_over out;
  out.chosen = peers::choose(std::move(candidates), static_cast<std::size_t>(asked.max), selection_seed_);
  out.too_few = out.chosen.peers.size() < static_cast<std::size_t>(asked.min);
  out.provisional = watch_.racing() && needs_race();
  return out;
}

awaitable<handed_over> engine::hand_over(get_peers asked) {
  const auto until = clock_.steady() + asked.wait;
  auto out = choose(asked);
  bool cancelled = co_await net::was_cancelled();
  while (out.too_few && !cancelled) {
    const auto now = clock_.steady();
    ask_race();
    if (now >= until || !may_improve(until)) break;
    (void)co_await net::with_deadline(changed_.wait(), until - now, base::stage::none);
    cancelled = co_await net::was_cancelled();
    out = choose(asked);
  }
  for (const auto& peer : out.chosen.peers) handed_.insert(peer.id);
  peers_handed_ += out.chosen.peers.size();
  if (out.chosen.peers.empty()) out.lanes = explained();
  if (proxy_ != nullptr) out.socks = proxy_->told();
  if (detour_)
    for (const auto& [id, at] : not_reached_)
      if (clock_.steady() - at < tunnel_memory::good_for) out.by_proxy.insert(id);
  co_return out;
}

fallback::lane_report engine::explain(const known_route& route) const {
  const auto same = [&route](const auto& lane) { return lane.route == route.name; };
  const auto& now = watch_.lanes();
  const auto running = std::find_if(now.begin(), now.end(), same);
  const auto& before = last_race_.lanes;
  const auto last = std::find_if(before.begin(), before.end(), same);
  if (!route.off.empty()) return untried(route, "off: " + route.off);
  const auto tried = watch_.racing() && running != now.end();
  if (tried && running->ended) return *running->ended;
  if (where_.offline()) {
    auto report = untried(route, std::string(base::explain(base::outcome::offline)));
    report.outcome = base::outcome::offline;
    return report;
  }
  if (tried) {
    auto report = untried(route, "no answer yet");
    report.outcome = base::outcome::timed_out;
    report.stage = running->stage;
    return report;
  }
  if (last != before.end() && last->outcome != base::outcome::cancelled) return *last;
  auto report = untried_yet(route);
  return report.outcome == base::outcome::cancelled && last != before.end() ? *last : report;
}

/// Under a penalty, as what put it there; else cancelled: its turn did not come.
fallback::lane_report engine::untried_yet(const known_route& route) const {
  const auto wall = clock_.wall();
  for (const auto& usable : routes_.usable) {
    if (usable.name != route.name) continue;
    const auto waits = held_->memory.waits(where_.here(), usable, wall);
    if (!waits) continue;
    auto report = untried(route, fmt::format("penalised until {:%Y-%m-%d %H:%M:%S} UTC: {}",
                                             fmt::gmtime(std::time_t{waits->until}), base::explain(waits->why)));
    report.outcome = waits->why;
    report.penalised_until = waits->until;
    return report;
  }
  if (watch_.racing()) return untried(route, "its turn has not come yet");
  if (last_race_.won) return untried(route, fmt::format("not tried: {} won before its turn", *last_race_.won));
  return untried(route, "not tried yet");
}

std::vector<fallback::lane_report> engine::explained() const {
  std::vector<fallback::lane_report> out;
  for (const auto& route : routes_.known) out.push_back(explain(route));
  return out;
}

status engine::describe() const {
  const auto wall = clock_.wall();
  const auto& trust = held_->trust;
  status now;
  now.network = settings_.network.id;
  now.ready = !held_->book.candidates(trust, wall).empty();
  now.root_version = trust.root()->version;
  if (const auto& list = trust.list())
    now.list = list_status{(*list)->order, std::string(trust::name(*trust.tier(wall))), (*list)->issued};
  now.race = watch_.racing();
  if (now.race) now.lanes = watch_.lanes();
  for (const auto& route : routes_.known) {
    route_status shown{route, watch_.running(route.name), 0, std::nullopt};
    for (const auto& usable : routes_.usable) {
      if (usable.name != route.name) continue;
      if (const auto waits = held_->memory.waits(where_.here(), usable, wall)) shown.penalised_until = waits->until;
      if (const auto* record = held_->memory.record_of(where_.here(), usable)) shown.last = record->last;
    }
    now.routes.push_back(std::move(shown));
  }
  if (proxy_ != nullptr) now.socks = proxy_->told();
  now.events_lost = events_.lost();
  now.warnings = held_->warnings();
  return now;
}

awaitable<api_answer> engine::answer(api_call call) {
  const auto* asked = std::get_if<get_peers>(&call);
  if (asked == nullptr) co_return answer_now(std::move(call));
  const auto out = co_await hand_over(*asked);
  co_return answer_peers(out);
}

api_answer engine::answer_now(api_call call) {
  if (auto* by_hand = std::get_if<add_peer>(&call)) {
    const auto id = add(std::move(*by_hand));
    return id ? ok(201, {{"id", *id}}) : answer_of({400, "bad_request", id.error().detail, "see docs/API.md"});
  }
  if (const auto* report = std::get_if<report_outcome>(&call)) return answer_outcome(*report);
  if (std::holds_alternative<post_refresh>(call)) return answer_refresh();
  if (std::holds_alternative<get_status>(call)) return ok(200, to_json(describe()));
  if (std::holds_alternative<get_explain>(call)) return answer_explain();
  if (std::holds_alternative<get_metrics>(call))
    return api_answer(200, metrics(), "text/plain; version=0.0.4; charset=utf-8");
  return ok(200, {{"ok", true}});
}

api_answer engine::answer_peers(const handed_over& out) const {
  return out.chosen.peers.empty() ? ok(503, no_peers_body(out)) : ok(200, to_json(out));
}

api_answer engine::answer_explain() const {
  json::object body{{"race", last_race_.number}, {"won", nullptr}, {"lanes", to_json(explained())}};
  if (last_race_.won) body["won"] = *last_race_.won;
  const auto order =
      fallback::explain(routes_.usable, held_->memory, where_.here(), settings_.fallback.exposure, clock_.wall());
  body["network"] = json::object{
      {"known", where_.known()}, {"offline", where_.offline()}, {"captive_portal", where_.behind_portal()}};
  body["exposure"] = config::name(settings_.fallback.exposure);
  body["order"] = to_json(order);
  return ok(200, body);
}

base::result<std::string> engine::add(add_peer call) {
  auto id = held_->book.add(std::move(call.endpoints), std::move(call.id), clock_.wall());
  if (!id) return id;
  held_->save_book();
  gate_made_.reset();
  events_.publish("peers_changed");
  changed_.notify();
  return id;
}

api_answer engine::answer_outcome(const report_outcome& call) {
  if (!held_->book.report(held_->trust, call.id, call.ok, call.rtt_ms, clock_.wall()))
    return answer_of({404, "not_found", "no such peer was handed over", "report ids that /v1/peers gave"});
  dirty(book_dirty_since_);
  // A success takes nothing back: it may have come about by the proxy, as it was told.
  if (!call.ok) not_reached_[call.id] = clock_.steady();
  const std::vector<std::string> ids(handed_.begin(), handed_.end());
  if (call.ok)
    pace_.peer_works();
  else if (!ids.empty() && held_->book.all_failed(ids))
    pace_.peers_failed(clock_.steady());
  poked_.notify();
  return api_answer(204);
}

api_answer engine::answer_refresh() {
  const auto number = watch_.racing().value_or(race_number_ + 1);
  if (!watch_.racing()) {
    pace_.refresh();
    poked_.notify();
  }
  return ok(202, {{"race", number}});
}

std::string engine::metrics() const {
  counters now;
  now.status = describe();
  now.lanes = watch_.lanes_ended();
  now.races = watch_.races();
  now.answers = answered_;
  now.peers_handed = peers_handed_;
  if (proxy_ != nullptr) {
    now.socks = proxy_->counts();
    now.tunnels = proxy_->tunnels().counts();
  }
  return to_text(now);
}

} // namespace landfall::sidecar
