// via: how a request reaches its server when not by a connection of its own.
//
//   proxy    SOCKS5 or HTTP CONNECT. The proxy resolves the server's name: no query leaves this machine for it.
//   carried  through a stream that the caller holds (a bridge, tor). libcurl 7.88 takes no connected descriptor (curl
//            issue 10626), so it connects to a Unix socket in the private state folder, and the accepted end is given
//            to `carry`, which joins it to the stream.
#pragma once

#include "base/sensitive.hpp"
#include "net/relay.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace landfall::http {

namespace asio = boost::asio;
using local_socket = asio::local::stream_protocol::socket;
using net::awaitable;
using net::result;

struct direct {};

enum class proxy_kind : std::uint8_t { socks5, http };

struct proxy {
  proxy_kind kind = proxy_kind::socks5;
  std::string host; ///< an address, or a name that this machine looks up; IPv6 without brackets
  std::uint16_t port = 0;
  /// An empty user: none is offered. Offered in plaintext, as these protocols do.
  base::sensitive<std::string> user, password;
};

/// Owns the socket; ends when either side has ended, or soon after it was cancelled. Its failure, where it has one, is
/// the request's.
using carry_fn = std::function<awaitable<result<void>>(local_socket)>;

struct carried {
  std::filesystem::path folder; ///< ours, 0700
  carry_fn carry;               ///< called once at most; open the stream before the request, whose deadlines run
};

using via = std::variant<direct, proxy, carried>;

/// The usual `carry`: relays between the request and a stream, which is closed at the end.
inline awaitable<result<void>> join(local_socket ours, std::shared_ptr<net::stream> stream) {
  const auto ended = co_await net::relay(ours, *stream);
  if (!ended) co_return ended.error();
  co_return result<void>{};
}
[[nodiscard]] inline carry_fn joined_to(net::stream_ptr stream) {
  return [stream = std::shared_ptr<net::stream>(std::move(stream))](local_socket ours) {
    return join(std::move(ours), stream);
  };
}

} // namespace landfall::http
