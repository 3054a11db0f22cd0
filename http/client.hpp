// HTTPS GET: libcurl's multi interface driven by Asio.
//
// One client per sidecar; made idle: curl_global_init, the multi handle and TLS contexts come with the first request.
// TLS >= 1.2, X25519MLKEM768 offered first, certificates always verified, HTTP/2 offered, no compression, no redirects,
// no cookies, no proxy but the one that the request names (nothing of the environment), a connection of its own for
// every request (but for a client that shares) and no TLS session resumed (a ticket would link one network to the
// next). Sockets come from net::apply. Names are resolved by http::resolver, never by curl; through a proxy by that,
// and never here.
//
// How what was seen becomes a class (in this order of evidence):
//   the certificate was judged      tls_certificate, clock_suspect
//   through a proxy, no tunnel yet  proxy_failed, whatever happened
//   plain HTTP where TLS was meant  captive_portal (a page, or the way to one), else malformed; the status is the code
//   to plain HTTP: 511, or a redirect to another host
//                                   captive_portal
//   the peer spoke, but not TLS or not HTTP
//                                   malformed (also a TLS alert, and a compressed answer)
//   reset or end of file            reset_before_hello when none of our TLS bytes had left, stalled_after_bytes (cut)
//                                   once part of the answer had come, reset_after_hello between the two. Who resets on
//                                   the SYN-ACK may be slower than our hello: then it is taken for after, whose penalty
//                                   is the wider one. Nothing that a program can see tells the two apart
//   silence until a deadline        timed_out(connect), stalled_after_hello, or stalled_after_bytes when some TLS bytes
//                                   had come, timed_out(request), or stalled_after_bytes within a record of the answer;
//                                   stalled_after_bytes below the low speed
#pragma once

#include "base/clock.hpp"
#include "http/content_range.hpp"
#include "http/resolver.hpp"
#include "http/via.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace landfall::http {

struct request {
  std::string url;  ///< absolute, https or http; its host stands in the SNI and must stand in the certificate
  std::string host; ///< what stands in Host and :authority instead of the URL's: the inner host of a fronted request
  std::vector<asio::ip::address> addresses; ///< where to connect; empty: the resolver is asked for the URL's host
  std::string accept;                       ///< the Accept header; empty: libcurl's */*
  /// True: this place is not to be connected to (`front` is empty here). Asked for each address before any of them is
  /// tried. Empty: none is avoided.
  std::function<bool(const base::place&)> avoid;
  http::via via = direct{};
  std::optional<byte_range> range;          ///< asked for without If-Range; a 200 is an answer to it as well
  std::optional<std::string> if_none_match; ///< the tag with its quotes; background polls only
  std::size_t max_body = 0;                 ///< bytes; one more is too_large, noticed while reading
  std::string ca_file;                      ///< PEM; empty: the system's
  std::vector<std::string> pins;            ///< sha256/<base64>; any may match
  bool sni = true; ///< false: no server_name in the ClientHello; the certificate is checked for it all the same
  std::optional<base::unix_time> tls_time; ///< certificates are judged at this time instead of the wall clock
  bool ignore_dates = false;               ///< chain, name and pins still checked: for clock_suspect's second try
  bool split_hello = false;                ///< see split_hello.hpp
  bool keep_partial = false;               ///< a 200 or 206 that ends early is a response with `cut`, not a failure
  std::chrono::milliseconds connect{4000}, tls{5000}, first_byte{8000}, whole{30000};
  std::int64_t low_speed_bytes = 64; ///< per second, over low_speed_time: stalled_after_bytes
  std::chrono::seconds low_speed_time{8};
  std::function<void(base::stage)> progress; ///< connect = SYN-ACK seen, tls = handshake done, body = first byte
  /// Told at the end of each connection what an observer of the wire got of it: our ClientHello, a handshake message
  /// (empty: none left), and the bytes that came. Must not throw.
  std::function<void(std::string_view hello, std::uint64_t received)> seen;
};

struct response {
  long status = 0; ///< 200, or 206 where a range was asked for; others are failures
  std::string body;
  std::string content_type;           ///< media type in lower case, without parameters; empty: not said
  std::optional<content_range> range; ///< of a 206
  std::uint64_t overhead = 0;         ///< bytes that came besides the body: handshake, tickets, headers, framing
  std::optional<base::failure> cut;   ///< keep_partial: how it ended before its end
  base::place where;                  ///< `front` empty; all of it empty when not by a connection of our own
  std::string tls_group;              ///< "X25519MLKEM768"; empty for http
  std::string tls_version;
};

/// fresh: a connection of its own for every request, so that no route's failure is another's, and the bytes of each are
/// known. shared: requests to one server go over one connection (HTTP/2; else four at most), which stays open until
/// `close_connections`. For look-ups alone: what one of them learns of the way there holds for all.
enum class connections : std::uint8_t { fresh, shared };

class client {
public:
  client(asio::any_io_executor executor, net::socket_options socket, resolver& names,
         connections how = connections::fresh);
  ~client(); ///< every request must have ended

  /// Errors: not_modified (304), http_status(code; redirects too), tls_certificate, clock_suspect (dates alone),
  /// refused, unreachable, offline, reset_before_hello, reset_after_hello, stalled_after_hello, stalled_after_bytes,
  /// timed_out(stage), too_large, malformed, captive_portal, proxy_failed, cancelled (also when `avoid` leaves no
  /// address), local_error; of `carried` also what `carry` failed with. `where` is the last address tried; none when
  /// not by a connection of our own.
  /// Cancellation removes the transfer at once and completes the waiting coroutine.
  [[nodiscard]] awaitable<result<response>> get(request what);

  /// Requests that come now open another connection. Those that are open close with their last request, or at once.
  void close_connections() noexcept;

  /// "libcurl/7.88.1 OpenSSL/3.5.7 c-ares/1.18.1": for `landfall --version`, and asserted by a test.
  [[nodiscard]] static std::string versions();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace landfall::http
