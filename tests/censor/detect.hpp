// What a censor reads from first bytes besides the ClientHello: an HTTP Host, the protocol, randomness; and DNS.
#pragma once

#include "tests/censor/hello.hpp"
#include "tests/censor/packet.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::censor {

/// Longest HTTP head that is searched for a Host.
inline constexpr std::size_t max_http_head = 8192;

struct host_reading {
  reading state = reading::no;
  std::string host; ///< lower case, without port
};
[[nodiscard]] host_reading read_http_host(std::string_view stream);

/// The heuristic of Wu et al., USENIX Security '23, on the first segment: true when none of its five exemptions holds.
///   Ex1 bits set per byte <= 3.4 or >= 4.6     Ex2 the first six bytes are printable
///   Ex3 more than half are printable           Ex4 more than 20 printable in a row
///   Ex5 begins as TLS ([16-17] 03 [00-09]) or HTTP (GET, PUT, POST, HEAD and a space)
[[nodiscard]] bool looks_fully_encrypted(std::string_view first_segment) noexcept;

enum class protocol : std::uint8_t { tls, http, dns, other };
/// By the first data alone, as the Iranian whitelister does it (Bock et al., FOCI '20): TLS by five bytes, HTTP by a
/// method and at least eight bytes, DNS over TCP by its header.
[[nodiscard]] protocol protocol_of(std::string_view first_data) noexcept;

/// A QUIC version 1 Initial: long header, RFC 9000 §17.2.2.
[[nodiscard]] bool is_quic_initial(std::string_view datagram) noexcept;

/// A question of one name.
struct dns_question {
  std::uint16_t id = 0, type = 1;
  std::string name;             ///< lower case, dotted, no final dot
  std::size_t question_end = 0; ///< of the whole message: where answers begin
};
inline constexpr std::uint16_t dns_a = 1, dns_aaaa = 28;

/// Nothing for answers, several questions, or names over 255 bytes or with pointers.
[[nodiscard]] std::optional<dns_question> read_dns_query(std::string_view message);
/// The addresses that an answer gives; empty for everything else.
[[nodiscard]] std::vector<address> read_dns_answers(std::string_view message);

struct forgery {
  address answer;
  std::uint32_t ttl = 300;
  bool authoritative = false; ///< injectors differ in it
};
/// The answer to `query` (taken by read_dns_query as `asked`): one address record, or none where the question asks for
/// another type or family.
[[nodiscard]] std::string forge_answer(std::string_view query, const dns_question& asked, const forgery& with);
/// A query, for tests and models.
[[nodiscard]] std::string build_dns_query(std::uint16_t id, std::string_view name, std::uint16_t type = dns_a);

} // namespace landfall::censor
