#include "config/schema.hpp"

namespace landfall::config {

namespace {

using text = std::string_view;

constexpr text network[] = {"id", "root", "channel", "lab"};
constexpr text sidecar[] = {"state",    "socks",          "socks_open", "socks_any",
                            "api_uids", "upstream_proxy", "fwmark",     "interface"};
constexpr text fallback[] = {"attempt_delay_ms", "tier_gap_ms", "max_lanes", "max_lanes_per_group", "exposure"};
constexpr text dns[] = {"doh", "ca", "resolvers"};
constexpr text https[] = {"kind", "name", "group", "tier", "url", "pins", "sni", "split_hello", "profile", "ca"};
constexpr text fronted[] = {"kind", "name", "group",       "tier",    "url", "fronts",
                            "pins", "sni",  "split_hello", "profile", "ca"};
constexpr text bridge_route[] = {"kind", "name", "group", "tier", "lines"};
constexpr text onion[] = {"kind", "name", "group", "tier", "url", "tor", "auth_key"};
constexpr text dns_route[] = {"kind", "name", "group", "tier", "zone", "resolvers"};
constexpr text dht[] = {"kind", "name", "group", "tier"};
constexpr text bridge[] = {"line", "far_end"};
constexpr text transport[] = {"names", "exec", "native"};
constexpr text tor[] = {"exec", "torrc"};
constexpr text hints[] = {"lan", "dht_get_peers"};

constexpr section all[] = {
    {"network", network},
    {"sidecar", sidecar},
    {"fallback", fallback},
    {"dns", dns},
    {"route.https", https},
    {"route.fronted", fronted},
    {"route.bridge", bridge_route},
    {"route.onion", onion},
    {"route.dns", dns_route},
    {"route.dht", dht},
    {"bridge", bridge},
    {"transport", transport},
    {"tor", tor},
    {"hints", hints},
};

// A signed list reaches every client of a network, so its signers must not gain more than the choice of servers: no
// files, programs, proxies or resolvers of the reader's machine, nothing that changes how conspicuous it is.
constexpr text listed_https[] = {"kind", "name", "group", "tier", "url", "pins", "sni"};
constexpr text listed_fronted[] = {"kind", "name", "group", "tier", "url", "fronts", "pins", "sni"};
constexpr text listed_onion[] = {"kind", "name", "group", "tier", "url"};
constexpr section listed[] = {
    {"route.https", listed_https},
    {"route.fronted", listed_fronted},
    {"route.bridge", bridge_route},
    {"route.onion", listed_onion},
};

std::span<const text> find(std::span<const section> sections, text name) noexcept {
  for (const auto& s : sections)
    if (s.name == name) return s.keys;
  return {};
}

} // namespace

std::span<const section> schema() noexcept { return all; }
std::span<const text> keys_of(text section_name) noexcept { return find(all, section_name); }
std::span<const text> document_keys_of(text section_name) noexcept { return find(listed, section_name); }

} // namespace landfall::config
