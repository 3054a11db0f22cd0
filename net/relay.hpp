// relay: bytes between two streams, both ways, half-close kept, until both directions ended or one failed.
#pragma once

#include "net/async.hpp"

#include <chrono>
#include <cstdint>

namespace landfall::net {

struct relayed {
    std::uint64_t sent = 0, received = 0; ///< a to b, b to a
};

struct relay_limits {
    std::chrono::steady_clock::duration idle = std::chrono::minutes(10); ///< both directions silent: timed_out
};

/// Streams are Asio sockets (tcp or local); both are closed when it returns. Cancelled: cancelled, both directions joined.
template <class A, class B> awaitable<result<relayed>> relay(A& a, B& b, relay_limits limits = {});

} // namespace landfall::net
