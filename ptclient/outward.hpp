// outward: how the connections of a transport leave this machine: by sockets of our own, or through the upstream proxy,
// never past it.
#pragma once

#include "http/resolver.hpp"
#include "http/via.hpp"
#include "net/race.hpp"
#include "net/socks5.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <optional>

namespace landfall::ptclient {

namespace asio = boost::asio;
using net::awaitable;
using net::result;

struct outward {
  net::socket_options socket{};
  std::optional<http::proxy> upstream{}; ///< set: everything goes through it, or not at all
  std::chrono::milliseconds connect{4000}, proxy{8000};
};

/// A plain stream to an address, or - through the proxy, which then resolves it - to a name; without a proxy a name is
/// local_error. `names` looks up the proxy's own name. Tells connect (SYN-ACK) and proxy.
/// Errors: of net::dial, timed_out(connect); with a proxy: proxy_failed, and what it says of the destination (refused,
/// unreachable, timed_out) at stage proxy; cancelled. `where` is the destination, never the proxy.
[[nodiscard]] awaitable<result<net::stream_ptr>> reach(wire::socks_destination to, outward how, http::resolver& names,
                                                       net::progress_fn tell = {});

/// The same for an IP address.
[[nodiscard]] wire::socks_destination destination_of(const asio::ip::tcp::endpoint& to);

/// socks5:// or http://[USER:PASSWORD@]HOST:PORT, percent-encoded: `upstream_proxy` and TOR_PT_PROXY. Errors:
/// malformed, without a word of the text.
[[nodiscard]] result<http::proxy> upstream_of(std::string_view text);

} // namespace landfall::ptclient
