// A publisher for tests: keys from their names (so that runs repeat), roots, lists and live lists as JSON that a test
// may spoil, and signatures by whom it likes.
//
//   fakes::publisher p("testnet");
//   auto anchor = trust::verify_anchor(p.root(), "testnet").value();
//   auto list = p.list({.version = 7});
//   auto next = p.root({.version = 2, .epoch = 2});
//
// What is not said is sound: network and channel of the publisher, two of three keys, dates around fakes::now.
#pragma once

#include "base/encoding.hpp"
#include "trust/publish.hpp"
#include "trust/verify.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace landfall::fakes {

namespace json = boost::json;
using names = std::vector<std::string>;

inline constexpr base::unix_time now = 1795132800; ///< when lists are issued unless said otherwise
inline constexpr base::unix_time day = 86400;

/// The key that belongs to this name, made once.
inline const crypto::composite_secret_key& key(const std::string& name) {
  static std::map<std::string, crypto::composite_secret_key> made;
  const auto found = made.find(name);
  if (found != made.end()) return found->second;
  const auto first = crypto::sha256("fake ML-DSA seed of " + name),
             second = crypto::sha256("fake Ed25519 seed of " + name);
  return made.emplace(name, crypto::composite_secret_key::from_seeds(first.view(), second.view()).value())
      .first->second;
}
inline crypto::composite_public_key public_key(const std::string& name) { return key(name).public_key(); }
inline crypto::key_id keyid(const std::string& name) { return public_key(name).id(); }

inline std::string text(const json::value& value) { return json::serialize(value); }
inline json::array texts(const std::vector<std::string>& from) { return json::array(from.begin(), from.end()); }

/// An envelope around `payload`, signed by `signers`.
inline trust::unverified_document sign(trust::document_type type, std::string_view payload, const names& signers) {
  auto envelope = trust::make_envelope(type, payload);
  for (const auto& name : signers) envelope = trust::add_signature(envelope, key(name)).value();
  return {envelope};
}
inline trust::unverified_document sign(trust::document_type type, const json::object& payload, const names& signers) {
  return sign(type, text(payload), signers);
}

inline std::string peer_id(std::size_t n) {
  return base::to_base64url(crypto::sha256("fake peer " + std::to_string(n)).view());
}

/// Peer n: each in a /16, an AS and (by fours) a country of its own, in documentation-like global space.
inline json::object peer(std::size_t n) {
  const auto address = std::to_string(11 + n / 200) + "." + std::to_string(n % 200) + ".0.1";
  return {{"id", peer_id(n)},
          {"endpoints", json::array{"tcp://" + address + ":443", "udp://" + address + ":443"}},
          {"roles", json::array{"relay"}},
          {"asn", 64496 + static_cast<std::int64_t>(n)},
          {"cc", std::string{static_cast<char>('A' + n / 4 % 26), 'X'}},
          {"seen", now},
          {"weight", 100}};
}
inline json::array peers(std::size_t count) {
  json::array out;
  for (std::size_t n = 0; n < count; ++n) out.push_back(peer(n));
  return out;
}

struct root_options {
  std::int64_t version = 1, epoch = 1, min_version = 0;
  base::unix_time issued = now - 30 * day, expires = now + 335 * day;
  names root_keys{"root a", "root b", "root c"}, list_keys{"list a", "list b", "list c"};
  std::int64_t root_threshold = 2, list_threshold = 2;
  names signers{"root a", "root b"};
  bool dht = false;
};

struct list_options {
  std::int64_t epoch = 1, version = 1, root_version = 1;
  base::unix_time issued = now;
  base::unix_time fresh_for = day, valid_for = 14 * day;
  std::size_t peers = 4;
  names revoked{}; ///< peer ids
  names servers{}; ///< names of keys; server "x" has the URL https://x.example.net/secret/
  json::array routes{};
  names signers{"list a", "list b"};
};

struct live_options {
  std::string server = "server";
  std::int64_t bucket = 0, seq = now * 1000;
  base::unix_time issued = now, lives_for = 600;
  std::size_t peers = 2;
};

class publisher {
public:
  explicit publisher(std::string network, std::string channel = "public-0")
      : network_(std::move(network)), channel_(std::move(channel)) {}

  [[nodiscard]] json::object root_payload(const root_options& o = {}) const {
    json::object keys;
    for (const auto* const role : {&o.root_keys, &o.list_keys})
      for (const auto& name : *role)
        keys[keyid(name)] = {{"alg", "mldsa65-ed25519"}, {"pk", base::to_base64(public_key(name).bytes())}};
    json::object out{{"type", "root"},       {"spec", 1},          {"network", network_},
                     {"version", o.version}, {"issued", o.issued}, {"expires", o.expires},
                     {"keys", keys}};
    out["roles"] = {{"root", {{"keyids", texts(keyids(o.root_keys))}, {"threshold", o.root_threshold}}},
                    {"list",
                     {{"keyids", texts(keyids(o.list_keys))},
                      {"threshold", o.list_threshold},
                      {"epoch", o.epoch},
                      {"min_version", o.min_version}}}};
    if (o.dht) out["dht"] = {{"k", std::string(64, 'a')}, {"salt", "landfall1"}};
    return out;
  }

  [[nodiscard]] json::object list_payload(const list_options& o = {}) const {
    json::array servers;
    for (const auto& name : o.servers)
      servers.push_back(
          {{"keyid", keyid(name)}, {"url", "https://" + name + ".example.net/secret/"}, {"region", "eu"}});
    return {{"type", "peerlist"},
            {"spec", 1},
            {"network", network_},
            {"channel", channel_},
            {"epoch", o.epoch},
            {"version", o.version},
            {"root_version", o.root_version},
            {"issued", o.issued},
            {"fresh_until", o.issued + o.fresh_for},
            {"expires", o.issued + o.valid_for},
            {"peers", fakes::peers(o.peers)},
            {"revoked", texts(o.revoked)},
            {"servers", servers},
            {"routes", o.routes}};
  }

  [[nodiscard]] json::object live_payload(const live_options& o = {}) const {
    json::array found;
    for (std::size_t n = 0; n < o.peers; ++n) {
      auto p = peer(n);
      found.push_back({{"id", p["id"]}, {"endpoints", p["endpoints"]}, {"seen", o.issued}});
    }
    return {{"type", "livelist"}, {"spec", 1},    {"network", network_}, {"server", keyid(o.server)},
            {"bucket", o.bucket}, {"seq", o.seq}, {"issued", o.issued},  {"expires", o.issued + o.lives_for},
            {"peers", found}};
  }

  [[nodiscard]] trust::unverified_document root(const root_options& o = {}) const {
    return sign(trust::document_type::root, root_payload(o), o.signers);
  }
  [[nodiscard]] trust::unverified_document list(const list_options& o = {}) const {
    return sign(trust::document_type::list, list_payload(o), o.signers);
  }
  [[nodiscard]] trust::unverified_document live(const live_options& o = {}) const {
    return sign(trust::document_type::live, live_payload(o), {o.server});
  }
  [[nodiscard]] trust::verified<trust::root> anchor(const root_options& o = {}) const {
    return trust::verify_anchor(root(o), network_).value();
  }

  [[nodiscard]] const std::string& network() const noexcept { return network_; }
  [[nodiscard]] const std::string& channel() const noexcept { return channel_; }

private:
  static names keyids(const names& of) {
    names out;
    for (const auto& name : of) out.push_back(keyid(name));
    return out;
  }
  std::string network_, channel_;
};

} // namespace landfall::fakes
