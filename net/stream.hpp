// stream: bytes both ways to one far end, whatever carries them: a socket, obfs4 frames, a webtunnel.
//
// What a pluggable transport opens and what the local proxy relays. A plain socket becomes one by socket_stream; a
// protocol of ours wraps the stream below it. One reader and one writer at a time; they may wait at the same time.
#pragma once

#include "net/async.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace landfall::net {

class stream {
public:
  virtual ~stream() = default;
  stream() = default;
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  /// Until `read_some` would not have to wait. Holds no buffer meanwhile: ten thousand idle streams cost none.
  virtual awaitable<result<void>> readable() = 0;
  /// At least one byte, at most `into.size()`; 0: the far end has ended its direction. `into` is the caller's until
  /// the coroutine has ended. Errors: the class of what broke, cancelled.
  virtual awaitable<result<std::size_t>> read_some(asio::mutable_buffer into) = 0;
  /// All of `from`, or a failure after which the stream is of no more use.
  virtual awaitable<result<void>> write(asio::const_buffer from) = 0;
  /// No more will be written. Where the protocol knows no half-close the far end sees the whole stream end.
  virtual void end_writing() noexcept = 0;
  /// Ends everything that waits on it, with `cancelled`. Twice is fine.
  virtual void close() noexcept = 0;
  /// The TCP socket below, where its bytes are the stream's own: what `relay` may splice. nullptr: they are wrapped.
  virtual asio::ip::tcp::socket* plain() noexcept { return nullptr; }
};

using stream_ptr = std::unique_ptr<stream>;

/// A connected Asio socket (tcp or local) as a stream.
template <class Socket> class socket_stream final : public stream {
public:
  explicit socket_stream(Socket socket) : socket_(std::move(socket)) {}

  awaitable<result<void>> readable() override {
    const auto [ec] = co_await socket_.async_wait(asio::socket_base::wait_read, as_result);
    if (ec) co_return failure_of(ec, base::stage::body);
    co_return result<void>{};
  }
  awaitable<result<std::size_t>> read_some(asio::mutable_buffer into) override {
    const auto [ec, size] = co_await socket_.async_read_some(into, as_result);
    if (ec == asio::error::eof) co_return std::size_t{0};
    if (ec) co_return failure_of(ec, base::stage::body);
    co_return size;
  }
  awaitable<result<void>> write(asio::const_buffer from) override {
    const auto [ec, size] = co_await asio::async_write(socket_, from, as_result);
    if (ec) co_return failure_of(ec, base::stage::body);
    co_return result<void>{};
  }
  void end_writing() noexcept override {
    error_code ignored; // the far end may be gone already
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }
  void close() noexcept override {
    error_code ignored;
    socket_.close(ignored);
  }
  asio::ip::tcp::socket* plain() noexcept override {
    if constexpr (std::is_same_v<Socket, asio::ip::tcp::socket>) {
      return &socket_;
    } else {
      return nullptr;
    }
  }

private:
  Socket socket_;
};

template <class Socket> [[nodiscard]] stream_ptr as_stream(Socket socket) {
  return std::make_unique<socket_stream<Socket>>(std::move(socket));
}

} // namespace landfall::net
