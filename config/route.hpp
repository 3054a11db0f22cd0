// Routes: the configured ways to fetch a document. One schema and one parser for `[[route]]` in landfall.toml and for
// "routes" in a signed list (design: what a document may name is a subset).
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace landfall::config {

/// An absolute URL taken apart and checked: scheme http or https, host, port, path that starts and ends with '/',
/// no user, no query, no fragment. Its path is a shared secret, so it does not print.
struct url {
  std::string scheme;
  std::string host; ///< lower case; IPv6 without brackets
  std::uint16_t port = 0;
  base::sensitive<std::string> path;
  [[nodiscard]] static base::result<url> parse(std::string_view text);
  [[nodiscard]] std::string reveal() const; ///< the whole text
  friend bool operator==(const url&, const url&) = default;
};

/// NAME[@ADDRESS[:PORT]], IPv6 in brackets: the certificate's name, and where to connect when not by look-up.
struct front {
  std::string name;
  std::optional<std::string> address;
  std::uint16_t port = 443;
  friend bool operator==(const front&, const front&) = default;
};

struct https_options {
  std::vector<std::string> pins; ///< sha256/<base64> of the SPKI (RFC 7469 form); empty: chain and name alone
  bool sni = true;
  bool split_hello = false; ///< configuration only
  std::string profile;      ///< ClientHello profile; configuration only
  std::string ca;           ///< PEM file instead of the system's roots; configuration only
  friend bool operator==(const https_options&, const https_options&) = default;
};

struct https_target {
  config::url url;
  https_options tls;
  friend bool operator==(const https_target&, const https_target&) = default;
};
struct fronted_target {
  config::url url;
  std::vector<front> fronts;
  https_options tls;
  friend bool operator==(const fronted_target&, const fronted_target&) = default;
};
struct bridge_target {
  std::vector<base::sensitive<std::string>> lines;
  friend bool operator==(const bridge_target&, const bridge_target&) = default;
}; ///< empty: all [[bridge]]
struct onion_target {
  config::url url;
  std::string tor = "managed";
  std::string auth_key;
  friend bool operator==(const onion_target&, const onion_target&) = default;
};
struct dns_target {
  std::string zone;
  std::vector<std::string> resolvers;
  friend bool operator==(const dns_target&, const dns_target&) = default;
};
struct dht_target {
  friend bool operator==(const dht_target&, const dht_target&) = default;
};

using route_target = std::variant<https_target, fronted_target, bridge_target, onion_target, dns_target, dht_target>;

struct route {
  std::string name;  ///< unique; default <kind>-<n>
  std::string group; ///< what fails together: a CDN, an AS; default: the host
  int tier = 1;      ///< 1..9, lower first
  route_target target;
  friend bool operator==(const route&, const route&) = default;
};

/// "https", "fronted", "bridge", "onion", "dns", "dht".
[[nodiscard]] std::string_view kind_of(const route_target& target) noexcept;

/// One route object of a signed list. Refused (malformed): unknown kind or member, kinds dns and dht, `ca`, `auth_key`,
/// `profile`, `split_hello`, `resolvers`, `tor`, programs, and - unless `lab` - private and loopback addresses.
/// `index` is its place in the list; the name becomes "list-<name or kind>-<index + 1>", so no list can name a
/// configured route. The failure's text holds no values of the document, but for an unknown key or kind.
[[nodiscard]] base::result<route> route_from_document(const boost::json::value& value, std::size_t index, bool lab);

} // namespace landfall::config
