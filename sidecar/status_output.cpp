#include "sidecar/status_output.hpp"

#include "base/log.hpp"
#include "sidecar/table.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>

namespace landfall::sidecar {

namespace json = boost::json;

namespace {

std::int64_t number(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_int64() ? value->get_int64() : 0;
}

std::string time_text(std::int64_t when) {
  constexpr std::int64_t year_9999 = 253'402'300'799;
  if (when <= 0 || when > year_9999) return "-";
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(static_cast<std::time_t>(when)));
}

std::string list_line(const json::object& status) {
  const auto* list = status.if_contains("list");
  if (list == nullptr || !list->is_object()) return "list      none yet";
  const auto& l = list->get_object();
  return fmt::format("list      version {} of epoch {}, tier {}, issued {}", number(l, "version"), number(l, "epoch"),
                     text_in(l, "tier"), time_text(number(l, "issued")));
}

/// What the race that runs has of a route: "trying: tls", "reset_after_hello"; empty where it has not started there.
std::string lane_text(const json::object& race, const std::string& name) {
  const auto* lanes = race.if_contains("lanes");
  if (!lanes || !lanes->is_array()) return {};
  for (const auto& item : lanes->get_array()) {
    if (!item.is_object() || text_in(item.get_object(), "route") != name) continue;
    const auto& lane = item.get_object();
    const auto outcome = text_in(lane, "outcome"), stage = text_in(lane, "stage");
    if (outcome.empty()) return stage == "none" ? "trying" : "trying: " + stage;
    return fmt::format("{} after {}", outcome, duration_text(number(lane, "ms")));
  }
  return {};
}

std::vector<std::string> route_cells(const json::object& route, const json::object& race) {
  auto state = lane_text(race, text_in(route, "name"));
  if (state.empty()) state = text_in(route, "state");
  if (const auto until = number(route, "until"); until != 0) state += " until " + time_text(until);
  return {"  " + text_in(route, "name"), text_in(route, "kind"), fmt::format("tier {}", number(route, "tier")), state,
          text_in(route, "last")};
}

} // namespace

std::vector<std::string> status_lines(const json::object& status) {
  const auto* race = status.if_contains("race");
  const bool racing = race != nullptr && race->is_object();
  const auto now = racing ? race->get_object() : json::object();
  const auto* ready = status.if_contains("ready");
  const bool is_ready = ready != nullptr && ready->is_bool() && ready->get_bool();
  std::vector<std::string> out{
      fmt::format("network   {}", text_in(status, "network")),
      fmt::format("state     {}{}", is_ready ? "has peers to hand over" : "has no peers yet",
                  racing ? fmt::format("; race {} is running", number(now, "n")) : std::string()),
      fmt::format("root      version {}", number(status, "root_version")), list_line(status)};
  std::vector<std::vector<std::string>> rows;
  if (const auto* routes = status.if_contains("routes"); routes && routes->is_array())
    for (const auto& route : routes->get_array())
      if (route.is_object()) rows.push_back(route_cells(route.get_object(), now));
  out.push_back(rows.empty() ? "routes    none" : "routes");
  for (auto& line : aligned(rows)) out.push_back(std::move(line));
  if (const auto* warnings = status.if_contains("warnings"); warnings && warnings->is_array())
    for (const auto& warning : warnings->get_array())
      if (warning.is_string()) out.push_back("warning   " + std::string(warning.get_string()));
  for (auto& line : out) line = base::printable(line, 400);
  return out;
}

} // namespace landfall::sidecar
