// tcp_pump: one direction between two TCP sockets, as far as it goes without waiting.
//
// A pump holds memory only while bytes are stuck in it. Bytes in small amounts go through one buffer that all pumps of
// a thread share. Where they come in bulk they go through a pipe (splice(2): the kernel moves pages, nothing is copied)
// of a small pool: an ordinary user has 64 MiB of pipes (pipe-user-pages-soft), beyond which they shrink to a page or
// two, so who finds the pool empty goes on with the buffer. What a slow receiver does not take stays in the pipe, or is
// copied out of the shared buffer, and is then followed by small reads only: 5 000 stalled downloads hold 16 KiB each.
//
// The one file that knows splice; where there is none the buffer does it all. One thread.
#pragma once

#include "net/async.hpp"

#include <cstdint>
#include <memory>

namespace landfall::net {

class tcp_pump {
public:
  enum class wants : std::uint8_t {
    readable, ///< nothing more to read
    writable, ///< the receiver takes no more
    turn,     ///< it could go on: others are to have their turn
    nothing,  ///< the sender has ended, and all it sent was passed on
    failed,   ///< see error()
  };

  tcp_pump() = default;
  tcp_pump(const tcp_pump&) = delete;
  tcp_pump& operator=(const tcp_pump&) = delete;
  ~tcp_pump();

  /// Both non-blocking. Adds what was passed on to `count`.
  [[nodiscard]] wants run(int from, int to, std::uint64_t& count) noexcept;
  [[nodiscard]] const error_code& error() const noexcept { return error_; }
  /// Bytes that were read and not yet passed on.
  [[nodiscard]] std::size_t held() const noexcept { return in_pipe_ + (left_ ? left_end_ - left_begin_ : 0); }

private:
  enum class moved : std::uint8_t { all, some, none_to_read, end, failed };

  [[nodiscard]] moved flush(int to, std::uint64_t& count) noexcept;
  [[nodiscard]] moved copy(int from, int to, std::uint64_t& count) noexcept;
  [[nodiscard]] moved splice(int from, int to, std::uint64_t& count) noexcept;
  [[nodiscard]] moved drain_pipe(int to, std::uint64_t& count) noexcept;
  [[nodiscard]] bool keep(const char* bytes, std::size_t size) noexcept;
  [[nodiscard]] moved fail(int error) noexcept;
  void give_pipe_back() noexcept;

  int pipe_[2] = {-1, -1};
  std::size_t in_pipe_ = 0;
  std::unique_ptr<char[]> left_; ///< of the shared buffer, when the receiver did not take it all
  std::uint32_t left_begin_ = 0, left_end_ = 0;
  bool stalled_ = false; ///< the last attempt met a receiver that was full
  error_code error_;
};

} // namespace landfall::net
