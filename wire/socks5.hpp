// The words of SOCKS5 (RFC 1928, RFC 1929) that both sides share: where to, who asks, and the arguments of pluggable
// transports that travel as user and password. The state machines: socks5_client.hpp, socks5_server.hpp.
//
//   client                                server
//   05 N METHOD*N                  ─▶
//                                  ◀─     05 METHOD                       00 none, 02 user and password, ff neither
//   01 ULEN USER PLEN PASSWORD     ─▶                                     after 02 alone
//                                  ◀─     01 STATUS                       00 good
//   05 CMD 00 ATYP ADDRESS PORT    ─▶                                     CMD 01: CONNECT
//                                  ◀─     05 REPLY 00 ATYP ADDRESS PORT
//   and from here on bytes both ways
//
// Pure. Where somebody wants to go, and with what password, has a type that does not print.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"
#include "wire/socks_reply.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace landfall::wire {

/// ATYP of RFC 1928 §5.
enum class socks_host : std::uint8_t { ipv4 = 1, name = 3, ipv6 = 4 };

struct socks_destination {
  socks_host kind = socks_host::ipv4;
  base::sensitive<std::string> host; ///< the 4 or 16 bytes of an address, or a name as text
  std::uint16_t port = 0;

  /// An address's text, or a name; IPv6 in no brackets. Letters of names are lower case.
  /// Errors: malformed. What is neither an address nor a name (253 bytes of letters, digits, `-`, `_` and `.`) is
  /// refused: a NUL or line end in a name would be cut or injected by what it is handed to next.
  [[nodiscard]] static base::result<socks_destination> parse(std::string_view host, std::uint16_t port);
  /// Back to that text.
  [[nodiscard]] std::string host_text() const;
  friend bool operator==(const socks_destination&, const socks_destination&) = default;
};

inline constexpr std::size_t max_socks_name = 253;  ///< of DNS; the length byte would allow 255
inline constexpr std::size_t max_socks_field = 255; ///< user or password: one length byte
inline constexpr std::size_t max_socks_arguments = 2 * max_socks_field;

/// User and password of RFC 1929.
struct socks_credentials {
  base::sensitive<std::string> user, password;
  friend bool operator==(const socks_credentials&, const socks_credentials&) = default;
};

/// A transport's arguments as user and password (PT specification 1, §3.5): up to 255 bytes in the user name with one
/// NUL as password, since an empty one broke programs; more split by bytes, wherever that falls. Errors: too_large.
[[nodiscard]] base::result<socks_credentials> credentials_of(std::string_view arguments);
/// And back: a lone NUL is no password, else both in a row.
[[nodiscard]] std::string arguments_of(const socks_credentials& said);

/// What a proxy's refusal means for who asked: refused, unreachable and timed_out are about the destination, the rest
/// is proxy_failed; always at stage proxy. `succeeded` is no refusal.
[[nodiscard]] base::failure failure_of(socks_reply refused);

} // namespace landfall::wire
