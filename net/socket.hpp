// The one socket factory. Every socket that leaves this machine, Asio's, libcurl's and c-ares's, passes through
// `apply`, so that fwmark and interface hold for all of them or for none.
#pragma once

#include "net/async.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <string>

namespace landfall::net {

struct socket_options {
  std::uint32_t fwmark = 0;   ///< SO_MARK; needs CAP_NET_ADMIN
  std::string interface = {}; ///< SO_BINDTODEVICE
};

/// Sets them on an open descriptor. local_error with what is missing; the caller must close the socket then: fail
/// closed.
[[nodiscard]] result<void> apply(const socket_options& options, int descriptor);

/// Tries them on a socket of its own: asked once at start, so that a missing capability is refused, never ignored.
[[nodiscard]] result<void> check(const socket_options& options);

/// A connected TCP socket (TCP_NODELAY), or refused, unreachable, cancelled, local_error.
[[nodiscard]] awaitable<result<asio::ip::tcp::socket>> dial(asio::ip::tcp::endpoint to, socket_options options);

} // namespace landfall::net
