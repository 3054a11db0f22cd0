// HTTP CONNECT (RFC 9110 §9.3.6), the client's side, as a state machine: a strict reader of one answer, since what
// answers may be anybody who sits on the way. No I/O.
//
//   CONNECT 192.0.2.7:443 HTTP/1.1       ─▶
//   Host: 192.0.2.7:443
//                                        ◀─   HTTP/1.1 200 whatever      and header lines, to an empty line
//   and from here on bytes both ways
//
// Lines end with CR LF, a header line is NAME: VALUE without control characters, the whole is at most 8 KiB. Lengths
// and codings that a 2xx announces are ignored, as the RFC wants.
#pragma once

#include "wire/socks5.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace landfall::wire {

inline constexpr std::size_t max_connect_answer = 8 * 1024; ///< what nginx, haproxy and squid have as default at most

class http_connect {
public:
  /// `with`: Basic, for proxies of the user's own; in plaintext, as that protocol does.
  explicit http_connect(socks_destination to, std::optional<socks_credentials> with = {});

  /// The request. Errors: malformed (a destination that is none, or a user name with a colon).
  [[nodiscard]] base::result<std::string> request() const;
  /// The next bytes of the proxy; true: the stream is open. Errors at stage proxy: proxy_failed with the status as code
  /// (407: it wants another password), malformed (no HTTP/1.x answer), too_large.
  [[nodiscard]] base::result<bool> take(std::string_view bytes);
  /// What came behind the answer: the first bytes of the stream.
  [[nodiscard]] std::string rest() &&;

private:
  [[nodiscard]] base::result<bool> judge(std::string_view head);

  socks_destination to_;
  std::optional<socks_credentials> with_;
  std::string in_;
  bool open_ = false;
};

} // namespace landfall::wire
