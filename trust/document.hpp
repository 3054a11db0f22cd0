// The documents as values. How they look on the wire is docs/FORMATS.md; how bytes become one is verify.hpp.
#pragma once

#include "base/clock.hpp"
#include "config/endpoint.hpp"
#include "config/route.hpp"
#include "crypto/composite.hpp"
#include "crypto/hash.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace landfall::trust {

/// Bytes that claim to be a document. The only thing that a fetch may return.
struct unverified_document {
  std::string bytes;
  bool in_parts = false; ///< put together from several answers, perhaps of two documents: worth a second try
};

enum class document_type : std::uint8_t { root, list, live };
[[nodiscard]] std::string_view name(document_type type) noexcept; ///< "root", "peerlist", "livelist"
[[nodiscard]] std::string_view
payload_type(document_type type) noexcept;                           ///< "application/vnd.landfall.peerlist.v1+json"
[[nodiscard]] std::string_view context(document_type type) noexcept; ///< "landfall/list/v1"

/// Its path below a carrier's base (design §5): "v1/demo/public-0/list", "v1/demo/root/2", "v1/demo/live". `channel`
/// counts for lists only, `root_version` for roots only.
[[nodiscard]] std::string document_path(std::string_view network, std::string_view channel, document_type type,
                                        std::int64_t root_version);

/// Who may sign: k of these.
struct role {
  std::vector<crypto::key_id> keyids;
  int threshold = 0;
};

struct root {
  std::string network;
  std::int64_t version = 0;
  base::unix_time issued = 0, expires = 0;
  std::map<crypto::key_id, crypto::composite_public_key> keys;
  role root_role, list_role;
  std::int64_t epoch = 0, min_version = 0; ///< of the list role
  std::optional<std::string> dht_key;      ///< 64 hex, Ed25519
  std::string dht_salt;
};

struct peer {
  std::string id; ///< base64url, 43 characters
  std::vector<config::endpoint> endpoints;
  std::vector<std::string> roles;
  std::int64_t asn = 0; ///< 0: unknown
  std::string cc;       ///< two letters, or empty
  base::unix_time seen = 0;
  std::int64_t weight = 100;
};

struct server {
  crypto::key_id keyid;
  config::url url;
  std::string region;
};

/// Where a list stands among the lists of its network and channel.
struct list_order {
  std::int64_t epoch = 0, version = 0;
  friend auto operator<=>(const list_order&, const list_order&) = default;
};

struct peer_list {
  std::string network, channel;
  list_order order;
  std::int64_t root_version = 0;
  base::unix_time issued = 0, fresh_until = 0, expires = 0;
  std::vector<peer> peers; ///< revoked ones already removed
  std::vector<std::string> revoked;
  std::vector<server> servers;
  std::vector<config::route> routes;
};

struct live_peer {
  std::string id;
  std::vector<config::endpoint> endpoints;
  base::unix_time seen = 0;
};

struct live_list {
  std::string network;
  crypto::key_id server;
  std::int64_t bucket = 0, seq = 0;
  base::unix_time issued = 0, expires = 0;
  std::vector<live_peer> peers;
};

} // namespace landfall::trust
