// tls_stream: TLS as a client on a plain stream. The certificate is judged as for a request (http/tls.hpp).
#pragma once

#include "http/tls.hpp"
#include "net/stream.hpp"

namespace landfall::ptclient {

/// `below` must be plain. Errors at tls: tls_certificate, clock_suspect, reset_after_hello, malformed (the peer spoke,
/// but not TLS; an alert), captive_portal, local_error (the system's authorities cannot be read); cancelled. The stream
/// knows no half-close: end_writing ends it. Its memory is OpenSSL's and Asio's, some 50 KiB.
[[nodiscard]] net::awaitable<net::result<net::stream_ptr>> start_tls(net::stream_ptr below, http::tls_rules rules);

} // namespace landfall::ptclient
