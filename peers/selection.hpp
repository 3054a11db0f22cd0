// Which peers are handed over: a seeded shuffle under the group rule (design §6). Pure.
//
// A signature proves the publisher, not that the peers are good, so the set is spread: at most 1 peer per /16 (IPv4) or
// /32 (IPv6), 2 per ASN, 4 per country. When the rules leave fewer than asked for they are relaxed in a fixed order,
// country, then ASN, then group, and the answer says so. ASN and country come from the signed list, never from a peer.
#pragma once

#include "trust/document.hpp"
#include "trust/standing.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace landfall::peers {

enum class source : std::uint8_t { list, live, dht, lan, exchange, seed, manual };
[[nodiscard]] std::string_view name(source value) noexcept;

struct candidate {
    std::string id;
    std::vector<config::endpoint> endpoints;
    std::vector<std::string> roles;
    peers::source source = source::list;
    trust::tier tier = trust::tier::c;
    std::int64_t list_version = 0;
    base::unix_time first_seen = 0;
    std::int64_t asn = 0;
    std::string cc;
    int failures = 0; ///< in a row, reported by the VPN: such peers come last
};

struct chosen {
    std::vector<candidate> peers;
    std::vector<std::string> degraded; ///< rules that were relaxed: "country", "asn", "group"
};

/// The group of a peer: the /16 or /32 of its first endpoint.
[[nodiscard]] std::string group_of(const config::endpoint& endpoint);

/// At most `count`; the same seed gives the same set. Signed ones first where the rules let us choose: at least count/2.
[[nodiscard]] chosen choose(std::vector<candidate> candidates, std::size_t count, std::uint64_t seed);

} // namespace landfall::peers
