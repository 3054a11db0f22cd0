// The obfs4 client: a stream to what is behind a bridge, over any stream to the bridge. Its protocol is wire/obfs4_*;
// here is what moves the bytes.
#pragma once

#include "base/clock.hpp"
#include "net/stream.hpp"
#include "ptclient/obfs4_keys.hpp"
#include "wire/obfs4_identity.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace landfall::ptclient {

/// Opens the stream to the bridge's address: net::dial, a proxy, another transport. Called once.
using dialer = std::function<net::awaitable<net::result<net::stream_ptr>>()>;

/// From the first byte sent to the server's whole answer (design §4). A bridge that is not told by its own line is
/// silent, so nothing is learnt by waiting longer. Others than tests have no use for another one.
inline constexpr std::chrono::milliseconds obfs4_handshake_limit{10'000};

/// Takes a key, dials, shakes hands, in this order. The stream pads each write, so write what there is in one; in iat
/// modes 1 and 2 a write takes its pauses (at most 10 ms a piece). It knows no half-close: `end_writing` lets the far
/// end see an end, and what it still sends can be read.
/// `clock` tells the hour, to which the bridge's must be within one; it must outlive the call, nothing else has to.
/// Errors: those of `dial`; bridge_silent (no answer in time, or the end instead of one: also what a wrong line, a
/// wrong clock or a replayed request meet), bridge_bad_auth (an answer, not of this bridge), reset_after_hello,
/// cancelled. The stream's own: malformed for frames that were changed, reset_after_hello.
[[nodiscard]] net::awaitable<net::result<net::stream_ptr>>
obfs4_connect(wire::obfs4_bridge bridge, dialer dial, std::shared_ptr<obfs4_keys> keys, const base::clock& clock,
              std::chrono::milliseconds limit = obfs4_handshake_limit);

} // namespace landfall::ptclient
