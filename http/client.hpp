// HTTPS GET: libcurl's multi interface driven by Asio.
//
// One client per sidecar; made idle: curl_global_init, the multi handle and TLS contexts come with the first request.
// TLS >= 1.2, X25519MLKEM768 offered first, certificates always verified, HTTP/2 offered, no compression, no redirects,
// no cookies, no proxy from the environment, a connection of its own for every request and no TLS session resumed (a
// ticket would link one network to the next). Sockets come from net::apply. Names are resolved by http::resolver, never
// by curl.
//
// How what was seen becomes a class (in this order of evidence):
//   the certificate was judged               tls_certificate, clock_suspect
//   the peer spoke, but not TLS or not HTTP  malformed (also a TLS alert, and a compressed answer)
//   reset or end of file                     reset_before_hello when none of our TLS bytes had left,
//   stalled_after_bytes
//                                            (cut) once part of the answer had come, reset_after_hello between the two
//   silence until a deadline                 timed_out(connect), stalled_after_hello, or stalled_after_bytes when some
//   TLS
//                                            bytes had come, timed_out(request), stalled_after_bytes below the low
//                                            speed
#pragma once

#include "base/clock.hpp"
#include "http/resolver.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace landfall::http {

struct request {
  std::string url;                          ///< absolute, https or http
  std::vector<asio::ip::address> addresses; ///< where to connect; empty: the resolver is asked for the URL's host
  std::string accept;                       ///< the Accept header; empty: libcurl's */*
  std::optional<std::string> if_none_match; ///< the tag with its quotes; background polls only
  std::size_t max_body = 0;                 ///< bytes; one more is too_large, noticed while reading
  std::string ca_file;                      ///< PEM; empty: the system's
  std::vector<std::string> pins;            ///< sha256/<base64>; any may match
  bool sni = true; ///< false: no server_name in the ClientHello; the certificate is checked for it all the same
  std::optional<base::unix_time> tls_time; ///< certificates are judged at this time instead of the wall clock
  bool ignore_dates = false;               ///< chain, name and pins still checked: for clock_suspect's second try
  std::chrono::milliseconds connect{4000}, tls{5000}, first_byte{8000}, whole{30000};
  std::int64_t low_speed_bytes = 64; ///< per second, over low_speed_time: stalled_after_bytes
  std::chrono::seconds low_speed_time{8};
  std::function<void(base::stage)> progress; ///< connect = SYN-ACK seen, tls = handshake done, body = first byte
};

struct response {
  long status = 0; ///< 200 or 206 here; others are failures
  std::string body;
  std::string tls_group; ///< "X25519MLKEM768"; empty for http
  std::string tls_version;
};

class client {
public:
  client(asio::any_io_executor executor, net::socket_options socket, resolver& names);
  ~client(); ///< every request must have ended

  /// Errors: not_modified (304), http_status(code; redirects too), tls_certificate, clock_suspect (dates alone),
  /// refused, unreachable, offline, reset_before_hello, reset_after_hello, stalled_after_hello, stalled_after_bytes,
  /// timed_out(stage), too_large, malformed, cancelled, local_error.
  /// Cancellation removes the transfer at once and completes the waiting coroutine.
  [[nodiscard]] awaitable<result<response>> get(request what);

  /// "libcurl/7.88.1 OpenSSL/3.5.7 c-ares/1.18.1": for `landfall --version`, and asserted by a test.
  [[nodiscard]] static std::string versions();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace landfall::http
