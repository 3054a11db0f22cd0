// DNS messages: questions are written and answers read by c-ares's own functions; the one record that c-ares 1.18 has
// no parser for, HTTPS (type 65, RFC 9460), by ours. Pure: no sockets, no clock, no random source.
//
// Limits: a message has at most 65535 bytes, and so fewer than 6000 records, whatever its counts say; nothing here
// follows a CNAME by asking again, so a loop of them ends with the message.
#pragma once

#include "base/result.hpp"

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::http {

using base::result;

enum class record_type : std::uint16_t { a = 1, txt = 16, aaaa = 28, https = 65 };

inline constexpr std::size_t max_message = 65535;
inline constexpr std::size_t max_addresses = 16; ///< more than anybody tries
inline constexpr std::size_t max_texts = 64;
inline constexpr std::size_t max_services = 8;

/// One HTTPS record (RFC 9460 §2). Records with a mandatory key that we do not know are left out of answers.
struct service {
  std::uint16_t priority = 0; ///< 0: an alias
  std::string target;         ///< "": the name itself
  std::vector<std::string> alpn;
  std::uint16_t port = 0; ///< 0: the usual one
  std::vector<boost::asio::ip::address> hints;
  std::string ech; ///< an ECHConfigList, as it came
  friend bool operator==(const service&, const service&) = default;
};

struct dns_answer {
  bool exists = true;                              ///< false: NXDOMAIN
  std::uint32_t ttl = 0;                           ///< seconds, the smallest; 0 where there is no record
  std::vector<boost::asio::ip::address> addresses; ///< in the answer's order
  std::vector<std::string> texts;                  ///< TXT records, the strings of each joined
  std::vector<service> services;                   ///< HTTPS records
  [[nodiscard]] bool empty() const noexcept { return addresses.empty() && texts.empty() && services.empty(); }
  friend bool operator==(const dns_answer&, const dns_answer&) = default;
};

/// True for letters, digits, hyphens, underscores and dots, at most 253 of them: what may be asked for.
[[nodiscard]] bool is_dns_name(std::string_view name) noexcept;

/// The question that goes over HTTPS: ID 0, so that equal questions are equal (RFC 8484 §4.1), and EDNS padding to a
/// multiple of 128 bytes, so that the size of the encrypted request tells less of the name (RFC 8467 §4.1). Errors:
/// malformed (not a name that can be asked for, an onion name).
[[nodiscard]] result<std::string> padded_question(const std::string& name, record_type type);

/// What the answer to `question`, a query as it was sent, says. Errors: malformed (not an answer, to another question,
/// cut short, or not in DNS's form), unreachable (the name server says that it failed, or would not).
[[nodiscard]] result<dns_answer> read_answer(std::string_view question, std::string_view answer);

/// True where the answer had no room in its datagram and must be asked for over TCP.
[[nodiscard]] bool is_truncated(std::string_view message) noexcept;

/// ID and type of a query or an answer; type 0 when it is no DNS message.
struct message_label {
  std::uint16_t id = 0, type = 0;
};
[[nodiscard]] message_label label_of(std::string_view message) noexcept;

} // namespace landfall::http
