#include "peers/book.hpp"

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "crypto/hash.hpp"
#include "trust/limits.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <set>

namespace landfall::peers {

namespace {

namespace json = boost::json;
using base::fail;
using base::outcome;

constexpr std::int64_t format = 1;
constexpr std::size_t max_depth = 4;

/// base64url of 32 bytes, or that of an unknown key with "~" in front.
bool is_id(std::string_view text) {
  if (text.starts_with('~')) text.remove_prefix(1);
  const auto bytes = base::from_base64url(text);
  return bytes && bytes->size() == 32;
}

base::unix_time last_heard_of(const experience& e) { return std::max({e.last_ok, e.last_failed, e.first_seen}); }

/// Forgets those not heard of for longest until `max_remembered` are left.
void trim(std::map<std::string, experience>& all) {
  while (all.size() > max_remembered)
    all.erase(std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return last_heard_of(a.second) < last_heard_of(b.second);
    }));
}

/// A member that is an integer in [0, max]; members are all required, so a file cut short and mended is noticed.
bool take(const json::object& from, std::string_view key, std::int64_t max, std::int64_t& to) {
  const auto* value = from.if_contains(key);
  if (!value || !value->is_int64() || value->get_int64() < 0 || value->get_int64() > max) return false;
  to = value->get_int64();
  return true;
}

json::object object_of(const experience& e) {
  return {{"failures", e.failures},       {"successes", e.successes},   {"last_ok", e.last_ok},
          {"last_failed", e.last_failed}, {"first_seen", e.first_seen}, {"rtt_ms", e.rtt_ms}};
}

std::optional<experience> experience_of(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  const auto& from = value.get_object();
  experience out;
  std::int64_t failures = 0;
  constexpr auto any = base::max_json_integer;
  if (!take(from, "failures", 1'000'000, failures) || !take(from, "successes", any, out.successes) ||
      !take(from, "last_ok", any, out.last_ok) || !take(from, "last_failed", any, out.last_failed) ||
      !take(from, "first_seen", any, out.first_seen) || !take(from, "rtt_ms", any, out.rtt_ms))
    return std::nullopt;
  out.failures = static_cast<int>(failures);
  return out;
}

json::object object_of(const candidate& c) {
  json::array endpoints;
  for (const auto& e : c.endpoints) endpoints.emplace_back(e.to_string());
  return {{"id", c.id}, {"endpoints", std::move(endpoints)}, {"first_seen", c.first_seen}};
}

std::optional<candidate> manual_of(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  const auto& from = value.get_object();
  const auto *id = from.if_contains("id"), *endpoints = from.if_contains("endpoints");
  candidate out;
  out.source = source::manual;
  if (!id || !id->is_string() || !endpoints || !endpoints->is_array()) return std::nullopt;
  out.id = std::string_view(id->get_string());
  for (const auto& one : endpoints->get_array()) {
    if (!one.is_string()) return std::nullopt;
    const auto parsed = config::endpoint::parse(one.get_string());
    if (!parsed) return std::nullopt;
    out.endpoints.push_back(*parsed);
  }
  if (!is_id(out.id) || out.endpoints.empty() || out.endpoints.size() > trust::max_endpoints) return std::nullopt;
  if (!take(from, "first_seen", base::max_json_integer, out.first_seen)) return std::nullopt;
  return out;
}

} // namespace

std::vector<candidate> book::candidates(const trust::state& state, base::unix_time now) const {
  std::vector<candidate> out;
  std::set<std::string, std::less<>> gone; // listed already, or revoked: a manual entry must not bring it back
  const auto experience_with = [&](candidate& c) {
    const auto at = experience_.find(c.id);
    if (at == experience_.end()) return;
    c.failures = at->second.failures;
    if (at->second.first_seen > 0) c.first_seen = at->second.first_seen;
  };
  if (const auto& list = state.list()) {
    const auto tier = state.tier(now).value_or(trust::tier::c);
    for (const auto& peer : (*list)->peers) {
      candidate c{.id = peer.id,
                  .endpoints = peer.endpoints,
                  .roles = peer.roles,
                  .source = state.list_is_seed() ? source::seed : source::list,
                  .tier = tier,
                  .list_version = (*list)->order.version,
                  .first_seen = now,
                  .asn = peer.asn,
                  .cc = peer.cc,
                  .weight = peer.weight};
      experience_with(c);
      gone.insert(peer.id);
      out.push_back(std::move(c));
    }
    gone.insert((*list)->revoked.begin(), (*list)->revoked.end());
  }
  for (candidate c : manual_) {
    if (gone.contains(c.id)) continue;
    experience_with(c);
    out.push_back(std::move(c));
  }
  return out;
}

bool book::report(const trust::state& state, const std::string& id, bool ok, std::optional<std::int64_t> rtt_ms,
                  base::unix_time now) {
  const auto has_id = [&](const auto& one) { return one.id == id; };
  const bool listed = state.list() && std::any_of((*state.list())->peers.begin(), (*state.list())->peers.end(), has_id);
  if (!listed && std::none_of(manual_.begin(), manual_.end(), has_id)) return false;
  auto [at, is_new] = experience_.try_emplace(id);
  auto& e = at->second;
  if (is_new) e.first_seen = now;
  if (ok) {
    e.failures = 0;
    ++e.successes;
    e.last_ok = now;
    if (rtt_ms && *rtt_ms >= 0) e.rtt_ms = std::min(*rtt_ms, base::max_json_integer);
  } else {
    e.failures = std::min(e.failures + 1, 1'000'000);
    e.last_failed = now;
  }
  trim(experience_);
  return true;
}

base::result<std::string> book::add(std::vector<config::endpoint> endpoints, std::optional<std::string> id,
                                    base::unix_time now) {
  if (endpoints.empty()) return fail(outcome::malformed, "a peer needs an endpoint");
  if (endpoints.size() > trust::max_endpoints) return fail(outcome::too_large, "a peer has at most 4 endpoints");
  if (id && !is_id(*id)) return fail(outcome::malformed, "the id is not base64url of 32 bytes");
  if (!id) id = "~" + base::to_base64url(crypto::sha256(endpoints.front().to_string()).view());
  const auto known = std::find_if(manual_.begin(), manual_.end(), [&](const candidate& c) { return c.id == *id; });
  if (known != manual_.end()) {
    known->endpoints = std::move(endpoints);
    return *id;
  }
  if (manual_.size() >= max_manual) return fail(outcome::too_large, "64 peers were added by hand already");
  candidate c;
  c.id = *id;
  c.endpoints = std::move(endpoints);
  c.source = source::manual;
  c.first_seen = now;
  manual_.push_back(std::move(c));
  return *id;
}

bool book::all_failed(const std::vector<std::string>& ids) const {
  return !ids.empty() && std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
    const auto at = experience_.find(id);
    return at != experience_.end() && at->second.failures > 0;
  });
}

void book::seen(const trust::state& state, base::unix_time now) {
  if (!state.list()) return;
  for (const auto& peer : (*state.list())->peers) experience_.try_emplace(peer.id, experience{.first_seen = now});
  trim(experience_);
}

std::string book::to_text() const {
  json::object peers;
  for (const auto& [id, e] : experience_) peers.emplace(id, object_of(e));
  json::array manual;
  for (const auto& c : manual_) manual.emplace_back(object_of(c));
  return json::serialize(json::object{{"format", format}, {"peers", std::move(peers)}, {"manual", std::move(manual)}});
}

std::optional<book> book::from_text(std::string_view text) {
  if (text.size() > max_book_size) return std::nullopt;
  const auto parsed = base::parse_json(text, max_depth);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  const auto& all = parsed->get_object();
  std::int64_t read_format = 0;
  if (!take(all, "format", format, read_format) || read_format != format) return std::nullopt;
  const auto *peers = all.if_contains("peers"), *manual = all.if_contains("manual");
  if (!peers || !peers->is_object() || peers->get_object().size() > max_remembered) return std::nullopt;
  if (!manual || !manual->is_array() || manual->get_array().size() > max_manual) return std::nullopt;
  book out;
  for (const auto& [id, value] : peers->get_object()) {
    const auto e = experience_of(value);
    if (!e || !is_id(id)) return std::nullopt;
    out.experience_.emplace(id, *e);
  }
  std::set<std::string> ids;
  for (const auto& value : manual->get_array()) {
    auto c = manual_of(value);
    if (!c || !ids.insert(c->id).second) return std::nullopt;
    out.manual_.push_back(std::move(*c));
  }
  return out;
}

base::result<void> book::save(const std::filesystem::path& file) const { return base::write_file(file, to_text()); }

book book::load(const std::filesystem::path& file, std::vector<std::string>& complaints) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return {};
  const auto text = base::read_file(file, max_book_size);
  if (text)
    if (auto out = from_text(*text)) return std::move(*out);
  complaints.push_back(file.filename().string() + ": " + (text ? std::string("damaged") : text.error().detail) +
                       "; set aside, starting anew");
  base::set_aside(file);
  return {};
}

} // namespace landfall::peers
