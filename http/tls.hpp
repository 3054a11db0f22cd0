// The TLS side of a request: how a connection is set up and judged, and what was seen of it, for the class of a
// failure.
//
// The certificate is judged here and not by libcurl, in one pass of OpenSSL's own verification: chain, name and pins
// together with the dates, so that "right but for its dates" can be told from "wrong" (clock_suspect, tls_certificate).
#pragma once

#include "base/clock.hpp"

#include <openssl/ssl.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace landfall::http {

struct tls_rules {
  std::string host;                    ///< a name or an address: what the certificate must be for
  std::vector<std::string> pins;       ///< sha256/<base64> of the SPKI; any may match; empty: chain and name alone
  std::optional<base::unix_time> time; ///< instead of the wall clock
  bool ignore_dates = false;
  bool sni = true;
  bool split_hello = false; ///< see split_hello.hpp
};

enum class certificate : std::uint8_t { unseen, good, dates_wrong, wrong };

/// What was seen of one handshake.
struct tls_evidence {
  std::uint64_t sent = 0, received = 0; ///< bytes, up to the end of the handshake
  /// Bytes of all TLS records whose header has come, application data included; and of those before the last.
  std::uint64_t arrived = 0, before_last = 0;
  bool started = false, done = false; ///< the handshake; it starts when the connection stands
  bool broken = false;                ///< the peer answered with an alert, or not in TLS
  int plain_status = 0;               ///< broken: the status of an answer in plain HTTP, where TLS was asked for
  http::certificate certificate = http::certificate::unseen;
  std::string why;   ///< a clause, when broken or wrong
  std::string hello; ///< our first ClientHello, as a handshake message
  std::string group, version;
};

/// Both outlive every connection made with `context`. False: OpenSSL is out of memory.
[[nodiscard]] bool prepare(SSL_CTX* context, const tls_rules& rules, tls_evidence& seen);

} // namespace landfall::http
