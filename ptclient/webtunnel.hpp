// webtunnel, the client: TLS to a web server, an HTTP/1.1 upgrade at a secret path, and then the tunnel's bytes as they
// are (no WebSocket frames: the upgrade is a pretence).
//
// TLS by Asio's ssl::stream and not by libcurl: libcurl 7.88 hands over no upgraded connection, and the bytes behind
// the answer's head are the tunnel's. Certificates are judged as everywhere (http/tls.hpp). ALPN offers http/1.1 alone,
// since h2 has no such upgrade. What an observer sees of it is in docs/THREATS.md.
#pragma once

#include "ptclient/outward.hpp"
#include "ptclient/webtunnel_target.hpp"

namespace landfall::ptclient {

struct webtunnel_limits {
  std::chrono::milliseconds resolve{8000}, tls{5000}, answer{8000};
};

/// Errors: of http::resolver and `reach`; tls_certificate, clock_suspect, reset_after_hello, stalled_after_hello at
/// tls; http_status (a wrong secret), malformed, too_large, timed_out at handshake; cancelled.
[[nodiscard]] awaitable<result<net::stream_ptr>> open_webtunnel(webtunnel_target to, outward how, http::resolver& names,
                                                                net::progress_fn tell = {},
                                                                webtunnel_limits limits = {});

} // namespace landfall::ptclient
