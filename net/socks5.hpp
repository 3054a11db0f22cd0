// SOCKS5 over a stream: the client's half, for what goes out through a proxy, and the server's half, for the local
// proxy and for the listeners of managed mode. Thin: wire/socks5_client.hpp and socks5_server.hpp decide.
//
// No deadline of its own: both halves belong in a with_deadline, since nothing comes from who never speaks. The stream
// outlives the coroutine; it is the caller's to close, also after a failure.
#pragma once

#include "net/stream.hpp"
#include "wire/socks5_client.hpp"
#include "wire/socks5_server.hpp"

#include <optional>
#include <string>

namespace landfall::net {

/// `proxy` then leads to `to`, and nothing of what comes from there was read yet: a plain stream stays plain. "Success
/// may mean nothing": some transports say so before they have tried.
/// Errors at stage proxy: refused, unreachable, timed_out (the destination, as the proxy says), proxy_failed (it will
/// not, or wants another password), malformed (it is no proxy), too_large, cancelled; the class of a broken connection.
[[nodiscard]] awaitable<result<void>> socks5_connect(stream& proxy, wire::socks_destination to,
                                                     std::optional<wire::socks_credentials> with,
                                                     wire::socks_offer offer = wire::socks_offer::must_be_heard);

struct socks5_request {
  wire::socks_destination to;
  std::optional<wire::socks_credentials> said; ///< wire::arguments_of: where they are arguments
  std::string early; ///< sent before our reply: belongs to the far end first. A transport may refuse it
};

/// Until the client has asked for something; it waits for socks5_reply then. A client that is refused has been told so.
/// `policy` outlives it. Errors at stage proxy: malformed, proxy_failed (wrong password), cancelled, the class of a
/// broken connection.
[[nodiscard]] awaitable<result<socks5_request>> socks5_accept(stream& client, const wire::socks_policy& policy);

/// wire::reply_for gives the code of a failure.
[[nodiscard]] awaitable<result<void>> socks5_reply(stream& client, wire::socks_reply code);

} // namespace landfall::net
