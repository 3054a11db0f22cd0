#include "sidecar/race_watch.hpp"

#include "sidecar/api_bodies.hpp"

#include <algorithm>

namespace landfall::sidecar {

namespace {

/// Race 0 is a poll: its events carry no race.
boost::json::object about(std::uint64_t race, const std::string& route) {
  boost::json::object data;
  if (race != 0) data["race"] = race;
  data["route"] = route;
  return data;
}

} // namespace

void race_watch::race_started(std::uint64_t race, std::size_t routes) {
  racing_ = race;
  ++races_;
  lanes_.clear();
  events_.publish("race_started", {{"race", race}, {"routes", routes}});
}

void race_watch::lane_started(std::uint64_t race, const fallback::route& route) {
  if (race == 0) lanes_.clear();
  lanes_.push_back({route.name, route.kind, base::stage::none, std::nullopt});
  auto data = about(race, route.name);
  data["kind"] = route.kind;
  events_.publish("lane_started", std::move(data));
}

void race_watch::lane_progress(std::uint64_t race, const fallback::route& route, base::stage at) {
  if (auto* lane = find(route.name)) lane->stage = at;
  auto data = about(race, route.name);
  data["stage"] = base::name(at);
  events_.publish("lane_progress", std::move(data));
}

void race_watch::lane_ended(std::uint64_t race, const fallback::lane_report& report) {
  if (auto* lane = find(report.route)) lane->ended = report;
  ++counts_[{report.kind, std::string(base::name(report.outcome))}];
  auto data = about(race, report.route);
  for (auto& member : to_json(report)) data.insert_or_assign(member.key(), std::move(member.value()));
  events_.publish("lane_ended", std::move(data));
}

void race_watch::race_ended(const fallback::race_result& ended) {
  racing_.reset();
  on_ended_(ended);
  boost::json::object data{{"race", ended.number}, {"won", nullptr}};
  if (ended.won) data["won"] = *ended.won;
  events_.publish("race_ended", std::move(data));
}

void race_watch::trust_event(const trust::event& happened, const std::string& route) {
  // The adoption of a list is told by list_adopted, after the state has it.
  if (happened.name != "list_adopted") events_.publish(happened.name, {{"route", route}, {"detail", happened.detail}});
  on_trust_(happened);
}

void race_watch::list_adopted(bool provisional) { on_adopted_(provisional); }

bool race_watch::running(const std::string& route) const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [&route](const lane_view& lane) { return lane.route == route && !lane.ended; });
}

lane_view* race_watch::find(const std::string& route) {
  const auto place =
      std::find_if(lanes_.rbegin(), lanes_.rend(), [&route](const lane_view& lane) { return lane.route == route; });
  return place == lanes_.rend() ? nullptr : &*place;
}

} // namespace landfall::sidecar
