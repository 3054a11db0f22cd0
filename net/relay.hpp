// relay: bytes between two streams, both ways, half-close kept, until both directions ended or one failed.
//
// Memory is held only while bytes move: nothing for an idle pair but its coroutines. Two plain TCP sockets go through
// tcp_pump; everything else through a buffer that a direction borrows while it has bytes in hand.
#pragma once

#include "net/stream.hpp"

#include <chrono>
#include <cstdint>
#include <utility>

namespace landfall::net {

struct relayed {
  std::uint64_t sent = 0, received = 0; ///< a to b, b to a
};

struct relay_limits {
  std::chrono::steady_clock::duration idle = std::chrono::minutes(10); ///< both directions silent: timed_out at body
};

/// Both are closed when it returns; they outlive it. `moved`, where given, outlives it too and is right at any time,
/// also when the relay fails. Cancelled: cancelled, both directions joined.
[[nodiscard]] awaitable<result<relayed>> relay(stream& a, stream& b, relay_limits limits = {},
                                               relayed* moved = nullptr);

template <class T>
concept asio_socket = requires(T socket) { socket.native_handle(); };

/// The same between Asio sockets (tcp or local), or one and a stream. The sockets are moved from: closed.
template <asio_socket A> awaitable<result<relayed>> relay(A& a, stream& b, relay_limits limits = {}) {
  socket_stream<A> left(std::move(a));
  co_return co_await relay(static_cast<stream&>(left), b, limits);
}
template <asio_socket A, asio_socket B> awaitable<result<relayed>> relay(A& a, B& b, relay_limits limits = {}) {
  socket_stream<B> right(std::move(b));
  co_return co_await relay(a, static_cast<stream&>(right), limits);
}

} // namespace landfall::net
