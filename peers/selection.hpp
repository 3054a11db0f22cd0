// Which peers are handed over: a seeded shuffle under the group rule (design §6). Pure.
//
// A signature proves the publisher, not that the peers are good, so the set is spread: at most 1 peer per /16 (IPv4) or
// /32 (IPv6), 2 per ASN, 4 per country. When the rules leave fewer than asked for they are relaxed in a fixed order,
// country, then ASN, then group, and the answer says so. ASN and country come from the signed list, never from a peer;
// a peer of unknown ASN or country counts by its group, so that the unknown ones are never one network together.
//
// Hints (live, dht, lan, exchange) are unsigned: while there are signed peers they get at most half of the answer, and
// one kind of them never more than half. Manual peers are the user's own choice: no rule of spread is applied to them,
// and they count for none; they too get at most half while there are others.
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
  std::int64_t weight = 100; ///< of the signed list: how likely it comes early; 0: after all others
  int failures = 0;          ///< in a row, reported by the VPN: such peers come last
};

struct chosen {
  std::vector<candidate> peers;
  std::vector<std::string>
      degraded; ///< rules that some chosen peer breaks: "country", "asn", "group", "kind", in this order
};

/// The group of a peer: the /16 (IPv4) or /32 (IPv6). IPv4 inside of 6to4 and NAT64 addresses counts as IPv4.
[[nodiscard]] std::string group_of(const config::endpoint& endpoint);

/// At most `count`, in the order in which to try them. The same seed gives the same answer for the same candidates,
/// whatever their order. Candidates without endpoints are left out; of two with one id the signed one stays.
[[nodiscard]] chosen choose(std::vector<candidate> candidates, std::size_t count, std::uint64_t seed);

} // namespace landfall::peers
