#include "trust/saved.hpp"

#include "base/encoding.hpp"
#include "base/json.hpp"
#include "trust/limits.hpp"
#include "trust/reader.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace landfall::trust {

namespace json = boost::json;
using base::fail;
using base::outcome;

namespace {

constexpr std::size_t max_chain = 1024;
constexpr std::size_t max_saved_evidence = 8;

constexpr std::string_view head = R"({"landfall_trust":1,"sha256":")", middle = R"(","body":)", tail = "}\n";

base::result<std::string_view> unsealed(std::string_view file) {
  if (!file.starts_with(head)) return fail(outcome::malformed, "not a file of this format");
  file.remove_prefix(head.size());
  const auto hash = file.substr(0, 64);
  file.remove_prefix(hash.size());
  if (!file.starts_with(middle) || !file.ends_with(tail)) return fail(outcome::malformed, "cut short or overwritten");
  file.remove_prefix(middle.size());
  file.remove_suffix(tail.size());
  if (crypto::sha256(file).hex() != hash) return fail(outcome::malformed, "its bytes are not those that were written");
  return file;
}

json::object floor_body(const state& s) {
  json::array chain;
  for (const auto& root : s.roots()) chain.push_back({{"version", root->version}, {"id", root.id().hex()}});
  json::value floor;
  if (const auto& f = s.stored_floor())
    floor = {{"epoch", f->order.epoch}, {"version", f->order.version}, {"id", f->id.hex()}};
  return {{"network", s.who().network},
          {"channel", s.who().channel},
          {"chain", std::move(chain)},
          {"floor", std::move(floor)},
          {"accepted", s.accepted_time()}};
}

crypto::digest digest_of(reader& in, std::string_view hex) {
  crypto::digest out;
  const auto bytes = base::from_hex(hex);
  if (bytes && bytes->size() == out.bytes.size())
    std::copy(bytes->begin(), bytes->end(), out.bytes.begin());
  else
    in.complain("an id is not 64 hex digits");
  return out;
}

bool is_null(const json::object& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value != nullptr && value->is_null();
}

std::vector<std::string> read_envelopes(reader& in, const json::object& from, std::string_view name, std::size_t max) {
  std::vector<std::string> out;
  for (const auto& each : in.array_or_empty(from, name, max)) out.emplace_back(in.text(each, max_envelope));
  return out;
}

std::vector<saved_root> read_chain(reader& in, const json::object& body) {
  std::vector<saved_root> out;
  for (const auto& each : in.array(body, "chain", max_chain)) {
    const auto& entry = in.object(each);
    out.push_back({.version = in.integer(entry, "version", 1, base::max_json_integer),
                   .id = in.text(entry, "id"),
                   .envelope = {}});
  }
  auto envelopes = read_envelopes(in, body, "roots", max_chain);
  if (!envelopes.empty() && envelopes.size() + 1 != out.size()) {
    in.complain("roots and their names do not match");
    return {};
  }
  for (std::size_t i = 0; i < envelopes.size(); ++i) out[i + 1].envelope = std::move(envelopes[i]);
  return out;
}

std::optional<floor> read_floor(reader& in, const json::object& body) {
  if (is_null(body, "floor")) return std::nullopt;
  const auto& from = in.object(body, "floor");
  floor out;
  out.order.epoch = in.integer(from, "epoch", 0, base::max_json_integer);
  out.order.version = in.integer(from, "version", 0, base::max_json_integer);
  out.id = digest_of(in, in.text(from, "id"));
  out.has_id = true;
  return out;
}

} // namespace

std::string sealed(std::string_view body) {
  return fmt::format("{}{}{}{}{}", head, crypto::sha256(body).hex(), middle, body, tail);
}

std::string saved_floor_text(const state& s) { return sealed(json::serialize(floor_body(s))); }

std::string saved_text(const state& s) {
  auto body = floor_body(s);
  json::array roots;
  for (std::size_t i = 1; i < s.roots().size(); ++i) roots.emplace_back(s.roots()[i].envelope());
  body["roots"] = std::move(roots);
  const bool keeps_list = s.list() && !s.list_is_seed();
  body["list"] = keeps_list ? json::value(s.list()->envelope()) : json::value(nullptr);
  body["list_root"] = keeps_list ? s.list_root() : 0;
  body["evidence"] = json::array(s.evidence().begin(), s.evidence().end());
  return sealed(json::serialize(body));
}

base::result<saved> read_saved(std::string_view text, const identity& who) {
  const auto body_text = unsealed(text);
  if (!body_text) return body_text.error();
  const auto parsed = base::parse_json(*body_text, max_depth);
  if (!parsed) return parsed.error();
  reader in;
  const auto& body = in.object(*parsed);
  if (in.text(body, "network") != who.network || in.text(body, "channel") != who.channel)
    in.complain("of another network or channel");
  saved out;
  out.chain = read_chain(in, body);
  out.floor = read_floor(in, body);
  out.accepted = in.integer(body, "accepted", 0, base::max_json_integer);
  if (body.contains("list") && !is_null(body, "list")) out.list = in.text(body, "list", max_envelope);
  out.list_root = in.integer_or(body, "list_root", 0, base::max_json_integer, 0);
  out.evidence = read_envelopes(in, body, "evidence", max_saved_evidence);
  if (in.complaint()) return *in.complaint();
  return out;
}

} // namespace landfall::trust
