#include "sidecar/api_routes.hpp"

#include "base/cursor.hpp"
#include "base/encoding.hpp"
#include "base/json.hpp"
#include "base/log.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>

#include <array>
#include <map>

namespace landfall::sidecar {

namespace {

using outcome = std::variant<api_call, api_error>;
using parameters = std::map<std::string, std::string>;
using segments = std::vector<std::string>;

constexpr const char* no_hint = "see docs/API.md";
constexpr std::size_t max_body_depth = 4;
constexpr std::size_t id_size = 32; ///< SHA-256

api_error bad_request(std::string message, std::string hint = "see docs/API.md") {
  return {400, "bad_request", std::move(message), std::move(hint)};
}

/// A whole number from `least` to `most`, as the whole text.
std::optional<int> number(std::string_view text, int least, int most) {
  base::cursor cursor(text);
  const auto value = cursor.take_decimal(static_cast<std::uint64_t>(most));
  if (cursor.failed() || !cursor.at_end() || value < static_cast<std::uint64_t>(least)) return std::nullopt;
  return static_cast<int>(value);
}

std::optional<freshness> freshness_of(std::string_view text) {
  if (text == "any") return freshness::any;
  if (text == "valid") return freshness::valid;
  if (text == "fresh") return freshness::fresh;
  return std::nullopt;
}

/// Peer ids: base64url of 32 bytes, after "~" where the peer's key is unknown.
bool is_peer_id(std::string_view text) {
  if (text.starts_with('~')) text.remove_prefix(1);
  const auto bytes = base::from_base64url(text);
  return bytes && bytes->size() == id_size;
}

outcome parse_get_peers(const parameters& given) {
  get_peers call;
  bool max_given = false;
  for (const auto& [key, value] : given) {
    if (key == "min" || key == "max") {
      const auto n = number(value, 1, max_peers_asked);
      if (!n) return bad_request(fmt::format("{} is not a number from 1 to {}", key, max_peers_asked));
      (key == "min" ? call.min : call.max) = *n;
      max_given = max_given || key == "max";
    } else if (key == "wait") {
      const auto n = number(value, 0, static_cast<int>(max_wait.count()));
      if (!n) return bad_request(fmt::format("wait is not a number of seconds from 0 to {}", max_wait.count()));
      call.wait = std::chrono::seconds(*n);
    } else if (key == "freshness") {
      const auto f = freshness_of(value);
      if (!f) return bad_request("freshness is not one of any, valid, fresh");
      call.freshness = *f;
    } else {
      return bad_request(fmt::format("unknown parameter '{}'", base::printable(key, 40)));
    }
  }
  if (!max_given) call.max = std::max(call.max, call.min);
  if (max_given && !given.contains("min")) call.min = std::min(call.min, call.max);
  if (call.min > call.max) return bad_request("min is larger than max");
  return call;
}

/// The body as a JSON object, or what is wrong with it.
std::variant<boost::json::object, api_error> object_of(std::string_view body) {
  auto value = base::parse_json(body, max_body_depth);
  if (!value) return bad_request("the body is not acceptable: " + value.error().detail);
  if (!value->is_object()) return bad_request("the body is not a JSON object");
  return std::move(value->as_object());
}

outcome parse_add_peer(std::string_view body) {
  auto parsed = object_of(body);
  if (auto* error = std::get_if<api_error>(&parsed)) return std::move(*error);
  const auto& object = std::get<boost::json::object>(parsed);
  const auto* endpoints = object.if_contains("endpoints");
  if (!endpoints || !endpoints->is_array()) return bad_request("\"endpoints\" is not a list");
  constexpr std::size_t most = 4; // as in a signed list
  const auto& list = endpoints->get_array();
  if (list.empty() || list.size() > most) return bad_request("\"endpoints\" does not hold 1 to 4 endpoints");
  add_peer call;
  for (const auto& item : list) {
    if (!item.is_string()) return bad_request("an endpoint is not a string");
    auto endpoint = config::endpoint::parse(item.get_string());
    if (!endpoint)
      return bad_request("an endpoint cannot be read: " + endpoint.error().detail, "tcp://198.51.100.1:443");
    call.endpoints.push_back(*endpoint);
  }
  if (const auto* id = object.if_contains("id"); id && !id->is_null()) {
    if (!id->is_string() || !is_peer_id(id->get_string()) || id->get_string().starts_with('~'))
      return bad_request("\"id\" is not 43 characters of base64url", "leave it out when the peer's key is unknown");
    call.id = std::string(id->get_string());
  }
  return call;
}

outcome parse_outcome(const std::string& id, std::string_view body) {
  if (!is_peer_id(id)) return bad_request("the path does not name a peer id");
  auto parsed = object_of(body);
  if (auto* error = std::get_if<api_error>(&parsed)) return std::move(*error);
  const auto& object = std::get<boost::json::object>(parsed);
  const auto* ok = object.if_contains("ok");
  if (!ok || !ok->is_bool()) return bad_request("\"ok\" is not true or false");
  report_outcome call{id, ok->get_bool(), std::nullopt};
  if (const auto* endpoint = object.if_contains("endpoint"); endpoint && !endpoint->is_null()) {
    if (!endpoint->is_string() || !config::endpoint::parse(endpoint->get_string()))
      return bad_request("\"endpoint\" cannot be read", "tcp://198.51.100.1:443");
  }
  if (const auto* rtt = object.if_contains("rtt_ms"); rtt && !rtt->is_null()) {
    if (!rtt->is_int64() || rtt->get_int64() < 0 || rtt->get_int64() > max_rtt_ms)
      return bad_request("\"rtt_ms\" is not a number of milliseconds up to an hour");
    call.rtt_ms = rtt->get_int64();
  }
  return call;
}

/// The paths without parameters or body, and the one method of each.
struct simple_path {
  std::string_view method, path;
  api_call call;
};
const std::array<simple_path, 6>& simple_paths() {
  static const std::array<simple_path, 6> table{{{"GET", "/v1/status", get_status{}},
                                                 {"GET", "/v1/events", get_events{}},
                                                 {"GET", "/v1/explain", get_explain{}},
                                                 {"POST", "/v1/refresh", post_refresh{}},
                                                 {"GET", "/metrics", get_metrics{}},
                                                 {"GET", "/healthz", get_health{}}}};
  return table;
}

api_error wrong_method(std::string_view right) {
  return {405, "bad_request", fmt::format("this path takes {}", right), "see docs/API.md"};
}

outcome route(std::string_view method, const segments& path, const parameters& given, std::string_view body) {
  const bool peers = path.size() >= 2 && path[0] == "v1" && path[1] == "peers";
  if (peers && path.size() == 2) {
    if (method == "GET") return parse_get_peers(given);
    if (method != "POST") return wrong_method("GET or POST");
    return given.empty() ? parse_add_peer(body) : outcome(bad_request("this path takes no parameters"));
  }
  if (peers && path.size() == 4 && path[3] == "outcome") {
    if (method != "POST") return wrong_method("POST");
    return given.empty() ? parse_outcome(path[2], body) : outcome(bad_request("this path takes no parameters"));
  }
  std::string joined;
  for (const auto& segment : path) joined += "/" + segment;
  for (const auto& known : simple_paths()) {
    if (known.path != joined) continue;
    if (known.method != method) return wrong_method(known.method);
    return given.empty() ? outcome(known.call) : outcome(bad_request("this path takes no parameters"));
  }
  if (joined == "/v1/announce")
    return api_error{404, "not_found", "this version does not announce peers", "see docs/API.md"};
  return api_error{404, "not_found", "there is no such path", "GET /v1/status, GET /v1/peers; see docs/API.md"};
}

} // namespace

std::variant<api_call, api_error> parse_call(std::string_view method, std::string_view target, std::string_view body) {
  if (target.size() > max_target) return api_error{414, "too_large", "the path is too long", "see docs/API.md"};
  const auto url = boost::urls::parse_origin_form(target);
  if (!url) return bad_request("the path cannot be read");
  segments path;
  for (const auto& segment : url->segments()) {
    path.emplace_back(segment);
    if (path.back().find('/') != std::string::npos)
      return api_error{404, "not_found", "there is no such path", no_hint};
  }
  parameters given;
  for (const auto& parameter : url->params()) {
    if (!given.emplace(parameter.key, parameter.value).second)
      return bad_request(fmt::format("parameter '{}' stands twice", base::printable(parameter.key, 40)));
  }
  return route(method, path, given, body);
}

} // namespace landfall::sidecar
