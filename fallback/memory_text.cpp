// The network memory as text, and back: integers and names of outcomes under keyed hashes. Weights are in thousandths.
#include "base/json.hpp"
#include "fallback/memory.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>

namespace landfall::fallback {

namespace {

namespace json = boost::json;

constexpr int spec = 1;
constexpr std::size_t depth = 7;
constexpr std::int64_t max_failures = 1'000'000;
constexpr std::int64_t heaviest = 1'000'000; // thousandths of a weight; a lane a second for a day fades below
// A route's record at its largest: every class of failure with its weight, and nine times.
static_assert(max_networks * max_routes_of_a_network * (base::outcome_count * 32 + 256) + max_penalties * 192 <
              max_memory_text);

std::int64_t thousandths(double weight) {
  return std::clamp(static_cast<std::int64_t>(std::llround(weight * 1000)), std::int64_t{0}, heaviest);
}

json::object to_json(const penalty& what) {
  return {{"until", what.waits.until},
          {"why", base::name(what.waits.why)},
          {"on", static_cast<std::int64_t>(what.waits.on)},
          {"failures", what.failures}};
}

json::object to_json(const route_record& what) {
  json::object failures;
  for (const auto& [outcome, weight] : what.failures) failures[base::name(outcome)] = thousandths(weight);
  return {{"at", what.at},
          {"last", base::name(what.last)},
          {"wins", thousandths(what.wins)},
          {"failures", std::move(failures)},
          {"times", json::array(what.times.begin(), what.times.end())}};
}

/// Members of an object, each read once; what is missing, of another type or out of range makes the whole not good.
class members {
public:
  explicit members(const json::value& from) : from_(from.if_object()) {}
  [[nodiscard]] bool good() const noexcept { return from_ != nullptr; }

  std::int64_t integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const auto* value = member(name);
    if (!value || !value->is_int64() || value->get_int64() < least || value->get_int64() > most)
      return fail<std::int64_t>();
    return value->get_int64();
  }
  base::outcome outcome(std::string_view name) {
    const auto* value = member(name);
    const auto what = value && value->is_string() ? base::outcome_of(view(value->get_string())) : std::nullopt;
    return what ? *what : fail<base::outcome>();
  }
  const json::object* object(std::string_view name, std::size_t most) {
    const auto* value = member(name);
    const auto* out = value ? value->if_object() : nullptr;
    if (out && out->size() <= most) return out;
    return fail<const json::object*>();
  }
  const json::array* array(std::string_view name, std::size_t most) {
    const auto* value = member(name);
    const auto* out = value ? value->if_array() : nullptr;
    if (out && out->size() <= most) return out;
    return fail<const json::array*>();
  }
  static std::string_view view(const json::string& from) { return {from.data(), from.size()}; }

private:
  template <class T> T fail() {
    from_ = nullptr;
    return T{};
  }
  const json::value* member(std::string_view name) const { return from_ ? from_->if_contains(name) : nullptr; }
  const json::object* from_;
};

std::optional<penalty> penalty_from(const json::value& value) {
  members in(value);
  penalty out;
  out.waits.until = in.integer("until", 0, base::max_json_integer);
  out.waits.why = in.outcome("why");
  out.waits.on = static_cast<base::penalty_scope>(
      in.integer("on", 0, static_cast<std::int64_t>(base::penalty_scope::address_and_port)));
  out.failures = static_cast<int>(in.integer("failures", 1, max_failures));
  return in.good() ? std::optional(out) : std::nullopt;
}

std::optional<route_record> record_from(const json::value& value) {
  members in(value);
  route_record out;
  out.at = in.integer("at", 0, base::max_json_integer);
  out.last = in.outcome("last");
  out.wins = static_cast<double>(in.integer("wins", 0, heaviest)) / 1000;
  const auto* failures = in.object("failures", base::outcome_count);
  const auto* times = in.array("times", max_times);
  if (!in.good()) return std::nullopt;
  for (const auto& [name, weight] : *failures) {
    const auto what = base::outcome_of({name.data(), name.size()});
    if (!what || !weight.is_int64() || weight.get_int64() < 0 || weight.get_int64() > heaviest) return std::nullopt;
    out.failures[*what] = static_cast<double>(weight.get_int64()) / 1000;
  }
  for (const auto& one : *times) {
    if (!one.is_int64() || one.get_int64() < 0 || one.get_int64() > longest_time) return std::nullopt;
    out.times.push_back(one.get_int64());
  }
  return out;
}

/// {"<key>": what `read` makes of the value}
template <class T, class Read> std::optional<std::map<memory_key, T>> map_from(const json::object& from, Read read) {
  std::map<memory_key, T> out;
  for (const auto& [name, value] : from) {
    const auto key = memory_key::from_hex({name.data(), name.size()});
    auto one = key ? read(value) : std::nullopt;
    if (!one) return std::nullopt;
    out.emplace(*key, std::move(*one));
  }
  return out;
}

std::optional<network_record> network_from(const json::value& value) {
  members in(value);
  network_record out;
  out.at = in.integer("at", 0, base::max_json_integer);
  const auto* routes = in.object("routes", max_routes_of_a_network);
  if (!in.good()) return std::nullopt;
  auto read = map_from<route_record>(*routes, record_from);
  if (!read) return std::nullopt;
  out.routes = std::move(*read);
  return out;
}

} // namespace

std::string network_memory::to_text() const {
  json::object waiting, networks;
  for (const auto& [key, what] : penalties_.all()) waiting[key.hex()] = to_json(what);
  for (const auto& [id, network] : records_.all()) {
    json::object routes;
    for (const auto& [key, record] : network.routes) routes[key.hex()] = to_json(record);
    networks[id.hex()] = json::object{{"at", network.at}, {"routes", std::move(routes)}};
  }
  return json::serialize(
             json::object{{"spec", spec}, {"penalties", std::move(waiting)}, {"networks", std::move(networks)}}) +
         "\n";
}

bool network_memory::from_text(std::string_view text, base::unix_time now) {
  if (text.size() > max_memory_text) return false;
  const auto parsed = base::parse_json(text, depth);
  if (!parsed) return false;
  members in(*parsed);
  (void)in.integer("spec", spec, spec);
  const auto* waiting = in.object("penalties", max_penalties);
  const auto* networks = in.object("networks", max_networks);
  if (!in.good()) return false;
  auto all = map_from<penalty>(*waiting, penalty_from);
  auto records = map_from<network_record>(*networks, network_from);
  if (!all || !records) return false;
  penalties_.restore(std::move(*all), now);
  records_.restore(std::move(*records), now);
  return true;
}

} // namespace landfall::fallback
