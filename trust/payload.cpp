#include "trust/payload.hpp"

#include "base/encoding.hpp"
#include "base/json.hpp"
#include "config/host.hpp"
#include "config/schema.hpp"
#include "trust/limits.hpp"
#include "trust/reader.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace landfall::trust {

namespace json = boost::json;
using base::max_json_integer;
using base::outcome;

namespace {

constexpr std::string_view algorithm = "mldsa65-ed25519";

/// type, spec and network, which every payload begins with. Returns the network.
std::string read_header(reader& in, const json::object& top, document_type type) {
  if (in.text(top, "type") != name(type)) in.complain(fmt::format("member 'type' is not \"{}\"", name(type)));
  if (in.integer(top, "spec", 0, max_json_integer) != 1)
    in.complain("a 'spec' that this release does not know; a newer one may");
  auto network = in.text(top, "network");
  if (network.empty()) in.complain("member 'network' is empty");
  return network;
}

std::int64_t counter(reader& in, const json::object& from, std::string_view name) {
  return in.integer(from, name, 0, max_json_integer);
}

bool is_keyid(std::string_view text) { return text.size() == 64 && base::from_hex(text).has_value(); }

std::string peer_id(reader& in, std::string id) {
  const auto bytes = base::from_base64url(id);
  if (!bytes || bytes->size() != 32) in.complain("an id is not the base64url of 32 bytes");
  return id;
}

// --- root --------------------------------------------------------------------------------------------------------

void flawed(root_reading& out, std::string why) {
  if (out.flaw.empty()) out.flaw = std::move(why);
}

/// Names in `keys` must be what the keys' bytes hash to: so one key cannot stand under two ids, and be counted twice.
void read_keys(reader& in, const json::object& from, root_reading& out) {
  if (from.size() > max_keys) in.complain(fmt::format("more than {} keys", max_keys), outcome::too_large);
  std::size_t index = 0;
  for (const auto& [claimed, value] : from) {
    if (index == max_keys) return;
    in.at("keys", index++);
    const auto& entry = in.object(value);
    if (in.text(entry, "alg") != algorithm) in.complain(fmt::format("member 'alg' is not \"{}\"", algorithm));
    const auto bytes = base::from_base64(in.text(entry, "pk", 4096));
    if (!bytes || bytes->size() != crypto::composite_public_size) {
      in.complain(fmt::format("member 'pk' is not the base64 of {} bytes", crypto::composite_public_size));
      continue;
    }
    auto key = crypto::composite_public_key::from_bytes(*bytes);
    if (!key)
      flawed(out, "a key whose Ed25519 half is of low order or not canonical");
    else if (key->id() != std::string_view(claimed.data(), claimed.size()))
      flawed(out, "a key under an id that is not its own");
    else
      out.document.keys.emplace(std::string(claimed), *std::move(key));
  }
  in.at({});
}

/// A threshold of nought would need no signature at all, one above n could never be met.
role read_role(reader& in, const json::object& from, std::string_view role_name, root_reading& out) {
  role result;
  for (const auto& each : in.array(from, "keyids", max_keys)) result.keyids.emplace_back(in.text(each));
  // Negative ones are read too, to be called what they are: a bad threshold, not bad JSON.
  const auto threshold = in.integer(from, "threshold", -max_json_integer, max_json_integer);
  if (threshold < 1 || threshold > static_cast<std::int64_t>(result.keyids.size())) {
    flawed(out, fmt::format("role '{}': a threshold of {} with {} keys", role_name, threshold, result.keyids.size()));
    return result;
  }
  result.threshold = static_cast<int>(threshold);
  auto sorted = result.keyids;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    flawed(out, fmt::format("role '{}': a keyid stands twice", role_name));
  for (const auto& keyid : sorted)
    if (!out.document.keys.contains(keyid)) flawed(out, fmt::format("role '{}': an id without a sound key", role_name));
  return result;
}

void read_dht(reader& in, const json::object& top, root& out) {
  if (!top.contains("dht")) return;
  const auto& dht = in.object(top, "dht");
  auto key = in.text(dht, "k");
  if (!is_keyid(key)) in.complain("member 'k' is not 64 lower-case hex digits");
  out.dht_key = std::move(key);
  out.dht_salt = in.text(dht, "salt");
  // The salt of BEP 44 has 64 bytes at most, and ":<UTC day>" is appended.
  if (out.dht_salt.empty() || out.dht_salt.size() > max_dht_salt)
    in.complain(fmt::format("member 'salt' has not 1 to {} bytes", max_dht_salt));
}

// --- peers -------------------------------------------------------------------------------------------------------

std::vector<config::endpoint> read_endpoints(reader& in, const json::object& from, bool lab) {
  std::vector<config::endpoint> out;
  out.reserve(max_endpoints);
  for (const auto& each : in.array(from, "endpoints", max_endpoints)) {
    const auto parsed = config::endpoint::parse(in.text(each));
    if (!parsed) {
      in.complain("an endpoint is not tcp:// or udp://, an address and a port");
    } else if (!lab && !parsed->address.is_global()) {
      in.complain("an endpoint is a private, loopback or otherwise special address");
    } else {
      out.push_back(*parsed);
    }
  }
  if (out.empty()) in.complain("no endpoint");
  return out;
}

std::string read_country(reader& in, const json::object& from) {
  auto cc = in.text_or_empty(from, "cc");
  const bool two_letters =
      cc.size() == 2 && std::all_of(cc.begin(), cc.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!cc.empty() && !two_letters) in.complain("member 'cc' is not two upper-case letters");
  return cc;
}

peer read_peer(reader& in, const json::value& value, bool lab) {
  const auto& from = in.object(value);
  peer out;
  out.id = peer_id(in, in.text(from, "id"));
  out.endpoints = read_endpoints(in, from, lab);
  for (const auto& each : in.array_or_empty(from, "roles", max_roles)) out.roles.emplace_back(in.text(each));
  out.asn = in.integer_or(from, "asn", 0, 0xffffffff, 0);
  out.cc = read_country(in, from);
  out.seen = in.integer_or(from, "seen", 0, max_json_integer, 0);
  out.weight = in.integer_or(from, "weight", 0, max_json_integer, 100);
  return out;
}

live_peer read_live_peer(reader& in, const json::value& value, bool lab) {
  const auto& from = in.object(value);
  live_peer out;
  out.id = peer_id(in, in.text(from, "id"));
  out.endpoints = read_endpoints(in, from, lab);
  out.seen = in.integer_or(from, "seen", 0, max_json_integer, 0);
  return out;
}

/// Every element of "peers" through `read_one`; an id that stands twice is refused: readers would differ on which
/// counts.
template <class Peer>
std::vector<Peer> read_peers(reader& in, const json::object& top, bool lab,
                             Peer (*read_one)(reader&, const json::value&, bool)) {
  std::vector<Peer> out;
  const auto& from = in.array(top, "peers", max_peers);
  out.reserve(from.size());
  std::vector<std::string_view> ids;
  ids.reserve(from.size());
  for (const auto& each : from) {
    in.at("peers", out.size());
    out.push_back(read_one(in, each, lab));
    ids.push_back(out.back().id); // stays where it is: `out` was reserved
  }
  in.at({});
  std::sort(ids.begin(), ids.end());
  if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) in.complain("a peer's id stands twice");
  return out;
}

// --- servers and routes --------------------------------------------------------------------------------------------

server read_server(reader& in, const json::value& value, bool lab) {
  const auto& from = in.object(value);
  server out;
  out.keyid = in.text(from, "keyid");
  if (!is_keyid(out.keyid)) in.complain("member 'keyid' is not 64 lower-case hex digits");
  const auto url = config::url::parse(in.text(from, "url"));
  if (!url) {
    in.complain("member 'url': " + url.error().detail);
  } else {
    const auto address = config::ip_address::parse(url->host);
    if (!lab && ((address && !address->is_global()) || config::is_localhost(url->host)))
      in.complain("member 'url' names a private or loopback address");
    out.url = *url;
  }
  out.region = in.text_or_empty(from, "region");
  return out;
}

bool known(const json::object& route) {
  const auto* const kind = route.if_contains("kind");
  if (kind == nullptr || !kind->is_string()) return true; // malformed rather than new
  if (config::keys_of(fmt::format("route.{}", std::string_view(kind->get_string()))).empty()) return false;
  // A member that this release knows in any place of its configuration is not new but out of place: refused, not
  // skipped.
  const auto in_schema = [](std::string_view key) {
    return std::ranges::any_of(config::schema(), [key](const auto& section) {
      return std::ranges::find(section.keys, key) != section.keys.end();
    });
  };
  return std::ranges::all_of(route, [&](const auto& member) { return in_schema(member.key()); });
}

void read_routes(reader& in, const json::object& top, bool lab, peer_list& out) {
  std::size_t index = 0;
  for (const auto& each : in.array_or_empty(top, "routes", max_routes)) {
    in.at("routes", index);
    const auto& from = in.object(each);
    if (known(from)) {
      auto route = config::route_from_document(each, index, lab);
      if (route)
        out.routes.push_back(std::move(*route));
      else
        in.complain(route.error().detail);
    }
    ++index;
  }
  in.at({});
}

void read_revoked(reader& in, const json::object& top, peer_list& out) {
  for (const auto& each : in.array_or_empty(top, "revoked", max_revoked))
    out.revoked.push_back(peer_id(in, std::string(in.text(each))));
  if (out.revoked.empty()) return;
  auto sorted = out.revoked;
  std::sort(sorted.begin(), sorted.end());
  std::erase_if(out.peers, [&](const peer& p) { return std::binary_search(sorted.begin(), sorted.end(), p.id); });
}

} // namespace

base::result<root_reading> read_root(std::string_view payload) {
  json::monotonic_resource memory;
  const auto parsed = base::parse_json(payload, max_depth, &memory);
  if (!parsed) return parsed.error();
  reader in;
  const auto& top = in.object(*parsed);
  root_reading out;
  root& document = out.document;
  document.network = read_header(in, top, document_type::root);
  document.version = in.integer(top, "version", 1, max_json_integer);
  document.issued = counter(in, top, "issued");
  document.expires = counter(in, top, "expires");
  if (document.issued >= document.expires) in.complain("'issued' is not before 'expires'");
  read_keys(in, in.object(top, "keys"), out);
  const auto& roles = in.object(top, "roles");
  document.root_role = read_role(in, in.object(roles, "root"), "root", out);
  const auto& list = in.object(roles, "list");
  document.list_role = read_role(in, list, "list", out);
  document.epoch = in.integer(list, "epoch", 0, max_epoch);
  document.min_version = counter(in, list, "min_version");
  read_dht(in, top, document);
  if (in.complaint()) return *in.complaint();
  return out;
}

base::result<peer_list> read_list(std::string_view payload, bool lab) {
  json::monotonic_resource memory;
  const auto parsed = base::parse_json(payload, max_depth, &memory);
  if (!parsed) return parsed.error();
  reader in;
  const auto& top = in.object(*parsed);
  peer_list out;
  out.network = read_header(in, top, document_type::list);
  out.channel = in.text(top, "channel");
  out.order = {.epoch = counter(in, top, "epoch"), .version = counter(in, top, "version")};
  out.root_version = counter(in, top, "root_version");
  out.issued = counter(in, top, "issued");
  out.fresh_until = counter(in, top, "fresh_until");
  out.expires = counter(in, top, "expires");
  if (out.issued > out.fresh_until || out.fresh_until > out.expires)
    in.complain("'issued', 'fresh_until' and 'expires' are not in order");
  if (out.expires - out.issued > max_list_life) in.complain("a life of more than 31 days");
  out.peers = read_peers(in, top, lab, read_peer);
  read_revoked(in, top, out);
  for (const auto& each : in.array_or_empty(top, "servers", max_servers)) {
    in.at("servers", out.servers.size());
    out.servers.push_back(read_server(in, each, lab));
  }
  in.at({});
  read_routes(in, top, lab, out);
  if (in.complaint()) return *in.complaint();
  return out;
}

base::result<live_list> read_live(std::string_view payload, bool lab) {
  json::monotonic_resource memory;
  const auto parsed = base::parse_json(payload, max_depth, &memory);
  if (!parsed) return parsed.error();
  reader in;
  const auto& top = in.object(*parsed);
  live_list out;
  out.network = read_header(in, top, document_type::live);
  out.server = in.text(top, "server");
  if (!is_keyid(out.server)) in.complain("member 'server' is not 64 lower-case hex digits");
  out.bucket = counter(in, top, "bucket");
  out.seq = counter(in, top, "seq");
  out.issued = counter(in, top, "issued");
  out.expires = counter(in, top, "expires");
  if (out.issued > out.expires || out.expires - out.issued > max_live_life)
    in.complain(fmt::format("'expires' is not within {} seconds after 'issued'", max_live_life));
  out.peers = read_peers(in, top, lab, read_live_peer);
  if (in.complaint()) return *in.complaint();
  return out;
}

} // namespace landfall::trust
