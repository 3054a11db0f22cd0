// HTTP CONNECT over a stream: thin, wire/http_connect.hpp decides. And a stream whose first bytes were read already.
#pragma once

#include "net/stream.hpp"
#include "wire/http_connect.hpp"

#include <optional>
#include <string>

namespace landfall::net {

/// `proxy` then leads to `to`. No deadline of its own. Errors: as wire::http_connect, all at stage proxy; cancelled;
/// the class of a broken connection. The stream is closed at a failure.
[[nodiscard]] awaitable<result<stream_ptr>> http_connect(stream_ptr proxy, wire::socks_destination to,
                                                         std::optional<wire::socks_credentials> with);

/// `bytes`, then what comes from `below`. With no bytes: `below` itself, which stays plain.
[[nodiscard]] stream_ptr prefixed(std::string bytes, stream_ptr below);

} // namespace landfall::net
