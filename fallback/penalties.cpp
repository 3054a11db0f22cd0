#include "fallback/penalties.hpp"

#include "base/file.hpp"
#include "base/json.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>

namespace landfall::fallback {

namespace {

namespace json = boost::json;

constexpr int spec = 1;
constexpr std::size_t depth = 4;
constexpr int max_failures = 1'000'000; // in a row; far beyond what changes anything

bool is_success(base::outcome what) noexcept {
  using enum base::outcome;
  return what == won || what == verified_same || what == verified_but_older || what == not_modified;
}

/// 1, 2, 4 ... 60 s, of which the jitter takes up to a half, rounded up.
base::unix_time backoff(std::chrono::seconds first, int failures, double jitter) {
  auto wait = first;
  for (int i = 1; i < failures && wait < base::max_backoff; ++i) wait *= 2;
  wait = std::min(wait, base::max_backoff);
  return static_cast<base::unix_time>(std::ceil(static_cast<double>(wait.count()) * (0.5 + jitter / 2)));
}

std::optional<std::int64_t> integer(const json::object& from, std::string_view name) {
  const auto* value = from.if_contains(name);
  if (!value || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

std::optional<route_memory> route_from(const json::value& value) {
  const auto* object = value.if_object();
  if (!object) return std::nullopt;
  const auto until = integer(*object, "until"), last_at = integer(*object, "last_at");
  const auto failures = integer(*object, "failures"), wins = integer(*object, "wins"),
             tries = integer(*object, "tries");
  const auto* last = object->if_contains("last");
  if (!until || !last_at || !failures || !wins || !tries || !last || !last->is_string()) return std::nullopt;
  const auto what = base::outcome_of(std::string_view(last->get_string().data(), last->get_string().size()));
  if (!what || *failures < 0 || *failures > max_failures || *wins < 0 || *wins > *tries) return std::nullopt;
  return route_memory{*until, static_cast<int>(*failures), *what, *last_at, *wins, *tries};
}

} // namespace

void penalties::record(const lane_report& report, base::unix_time now, double jitter) {
  if (report.outcome == base::outcome::cancelled) return; // stopped by us: it says nothing about the route
  if (report.route.empty() || report.route.size() > max_route_name) return;
  auto& memory = routes_[report.route];
  ++memory.tries;
  memory.last = report.outcome;
  memory.last_at = now;
  const auto policy = base::policy_of(report.outcome);
  if (is_success(report.outcome)) {
    if (report.tier == trust::tier::a && report.outcome != base::outcome::verified_but_older) ++memory.wins;
    memory.failures = 0;
    memory.until = 0;
  } else if (policy.penalised != base::penalty_scope::nobody) {
    memory.failures = std::min(memory.failures + 1, max_failures);
    memory.until = now + (policy.backoff ? backoff(policy.retry, memory.failures, jitter) : policy.retry.count());
  }
  if (routes_.size() > max_remembered_routes)
    routes_.erase(std::min_element(routes_.begin(), routes_.end(),
                                   [](const auto& a, const auto& b) { return a.second.last_at < b.second.last_at; }));
}

bool penalties::penalised(const std::string& route, base::unix_time now) const {
  const auto* memory = of(route);
  return memory && now < memory->until;
}

const route_memory* penalties::of(const std::string& route) const {
  const auto found = routes_.find(route);
  return found == routes_.end() ? nullptr : &found->second;
}

void penalties::cap(base::unix_time now) {
  for (auto& [name, memory] : routes_) {
    memory.until = std::min(memory.until, now + longest_penalty.count());
    memory.last_at = std::min(memory.last_at, now);
  }
}

std::string penalties::to_text() const {
  json::object routes;
  for (const auto& [name, memory] : routes_)
    routes[name] =
        json::object{{"until", memory.until},     {"failures", memory.failures}, {"last", base::name(memory.last)},
                     {"last_at", memory.last_at}, {"wins", memory.wins},         {"tries", memory.tries}};
  return json::serialize(json::object{{"spec", spec}, {"routes", std::move(routes)}}) + "\n";
}

std::optional<penalties> penalties::from_text(std::string_view text, base::unix_time now) {
  if (text.size() > max_memory_text) return std::nullopt;
  const auto parsed = base::parse_json(text, depth);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  const auto& whole = parsed->get_object();
  const auto* routes = whole.if_contains("routes");
  if (integer(whole, "spec") != spec || !routes || !routes->is_object()) return std::nullopt;
  if (routes->get_object().size() > max_remembered_routes) return std::nullopt;
  penalties out;
  for (const auto& [name, value] : routes->get_object()) {
    const auto memory = route_from(value);
    if (!memory || name.empty() || name.size() > max_route_name) return std::nullopt;
    out.routes_.emplace(name, *memory);
  }
  out.cap(now);
  return out;
}

base::result<void> penalties::save(const std::filesystem::path& file) const {
  return base::write_file(file, to_text());
}

penalties penalties::load(const std::filesystem::path& file, base::unix_time now,
                          std::vector<std::string>& complaints) {
  std::error_code ec;
  if (std::filesystem::symlink_status(file, ec).type() == std::filesystem::file_type::not_found) return {};
  const auto text = base::read_file(file, max_memory_text);
  if (text)
    if (auto out = from_text(*text, now)) return std::move(*out);
  base::set_aside(file);
  complaints.push_back(fmt::format("set aside: {}: {}", file.string(), text ? "damaged" : text.error().detail));
  return {};
}

} // namespace landfall::fallback
