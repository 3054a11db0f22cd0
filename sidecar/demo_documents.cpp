#include "sidecar/demo_documents.hpp"

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "seeds/compiled.hpp"
#include "sidecar/keys.hpp"
#include "trust/limits.hpp"
#include "trust/publish.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace landfall::sidecar {

namespace {

namespace json = boost::json;
using base::result;
using crypto::composite_secret_key;

constexpr std::int64_t an_hour = 3600, a_day = 24 * an_hour;
/// Above those of root 1: a new epoch ends the lists of the old keys, the compiled list among them.
constexpr std::int64_t root_version = 2, epoch = 2, list_version = 1;

base::failure not_ours(std::string why) { return base::fail(base::outcome::local_error, std::move(why)); }

/// The payload of a compiled document. No check of signatures: the program checks them when it is used.
result<json::object> payload_of(std::string_view envelope) {
  const auto peeked = trust::dangerously_peek(envelope);
  if (!peeked) return peeked.error();
  auto value = base::parse_json(peeked->payload, trust::max_depth);
  if (!value) return value.error();
  return std::move(value->as_object());
}

json::array ids(const std::vector<composite_secret_key>& keys) {
  json::array out;
  for (const auto& key : keys) out.emplace_back(key.public_key().id());
  return out;
}

result<std::string> sign(trust::document_type type, const json::object& payload,
                         const std::vector<composite_secret_key>& keys) {
  auto envelope = trust::make_envelope(type, json::serialize(payload));
  for (const auto& key : keys) {
    auto with_one_more = trust::add_signature(envelope, key);
    if (!with_one_more) return with_one_more.error();
    envelope = std::move(*with_one_more);
  }
  return envelope;
}

json::object root_payload(const std::vector<composite_secret_key>& root_keys,
                          const std::vector<composite_secret_key>& list_keys, base::unix_time now) {
  json::object keys;
  for (const auto* group : {&root_keys, &list_keys})
    for (const auto& key : *group) {
      const auto shown = key.public_key();
      keys[shown.id()] = {{"alg", "mldsa65-ed25519"}, {"pk", base::to_base64(shown.bytes())}};
    }
  const json::object roles{
      {"root", {{"keyids", ids(root_keys)}, {"threshold", root_keys.size()}}},
      {"list",
       {{"keyids", ids(list_keys)}, {"threshold", list_keys.size()}, {"epoch", epoch}, {"min_version", list_version}}}};
  return {
      {"type", "root"},         {"spec", 1},    {"network", demo_network}, {"version", root_version}, {"issued", now},
      {"expires", now + a_day}, {"keys", keys}, {"roles", roles}};
}

/// One in a /16 of its own each, at private addresses where nobody answers.
json::value with_more(json::value peers, int more) {
  constexpr int first_group = 100; // beyond those of the compiled list
  constexpr const char* countries[] = {"DE", "SE", "NL", "FR"};
  constexpr std::int64_t first_number = 64496, numbers = 16; // AS numbers for documentation (RFC 5398)
  for (int i = 0; i < more; ++i) {
    const auto id = base::to_base64url(crypto::sha256(fmt::format("landfall demo peer {}", first_group + i)).view());
    json::array endpoints{json::string(fmt::format("tcp://10.{}.0.1:443", first_group + i))};
    peers.as_array().push_back({{"id", id},
                                {"endpoints", std::move(endpoints)},
                                {"asn", first_number + i % numbers},
                                {"cc", countries[i % 4]}});
  }
  return peers;
}

json::object list_payload(json::value peers, base::unix_time now) {
  return {{"type", "peerlist"},
          {"spec", 1},
          {"network", demo_network},
          {"channel", "public-0"},
          {"epoch", epoch},
          {"version", list_version},
          {"root_version", root_version},
          {"issued", now},
          {"fresh_until", now + an_hour},
          {"expires", now + a_day},
          {"peers", std::move(peers)},
          {"revoked", json::array()},
          {"servers", json::array()},
          {"routes", json::array()}};
}

} // namespace

result<demo_documents> make_demo_documents(base::unix_time wall, int more) {
  const auto& compiled = seeds::compiled();
  if (!seeds::is_demo(compiled.network) || compiled.roots.empty() || compiled.list.empty())
    return not_ours("this build carries other seeds than the demo's; build it without LANDFALL_SEEDS");
  const auto root_1 = payload_of(compiled.roots.front());
  if (!root_1) return root_1.error();
  const auto seed_list = payload_of(compiled.list);
  if (!seed_list) return seed_list.error();
  const auto* issued = root_1->if_contains("issued");
  const auto* peers = seed_list->if_contains("peers");
  if (!issued || !issued->is_int64() || !peers) return not_ours("the compiled documents lack issued or peers");

  demo_documents out;
  out.root_1 = std::string(compiled.roots.front());
  out.made = std::max({wall, issued->get_int64(), compiled.built});
  std::vector<composite_secret_key> root_keys, list_keys;
  for (const auto* name : {"root-a", "root-b"}) root_keys.push_back(demo_key(name));
  for (int i = 0; i < 2; ++i) list_keys.push_back(composite_secret_key::generate());
  auto root_2 = sign(trust::document_type::root, root_payload(root_keys, list_keys, out.made), root_keys);
  if (!root_2) return root_2.error();
  auto list = sign(trust::document_type::list, list_payload(with_more(*peers, more), out.made), list_keys);
  if (!list) return list.error();
  out.root_2 = std::move(*root_2);
  out.list = std::move(*list);
  return out;
}

result<void> write_demo_documents(const demo_documents& documents, const std::filesystem::path& folder) {
  const auto network = folder / "v1" / demo_network;
  std::error_code ec;
  std::filesystem::create_directories(network / "root", ec);
  if (!ec) std::filesystem::create_directories(network / "public-0", ec);
  if (ec) return not_ours(fmt::format("{}: {}", folder.string(), ec.message()));
  if (auto written = base::write_file(network / "root" / "2", documents.root_2); !written) return written;
  return base::write_file(network / "public-0" / "list", documents.list);
}

} // namespace landfall::sidecar
