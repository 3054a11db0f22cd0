#include "net/tcp_pump.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

namespace landfall::net {

namespace {

constexpr std::size_t shared_size = 256 * 1024; ///< measured best of 64, 256 and 1024 KiB: docs/PERFORMANCE.md
constexpr std::size_t stalled_read = 16 * 1024;
/// A read of this much is bulk; a splice of less than `trickle` is none any more.
constexpr std::size_t bulk = 64 * 1024, trickle = 8 * 1024;
constexpr std::size_t pipe_size = 1024 * 1024; ///< pipe-max-size of an ordinary user
constexpr std::size_t max_pipes = 32;          ///< half of what an ordinary user may have
constexpr std::size_t pipes_kept = 4;
/// One pump's turn, so that one download does not keep others waiting.
constexpr std::size_t turn_bytes = 4 * 1024 * 1024;

char* shared_buffer() noexcept {
  static thread_local std::unique_ptr<char[]> buffer(new (std::nothrow) char[shared_size]);
  return buffer.get();
}

class pipe_pool {
public:
  ~pipe_pool() {
    for (const auto& one : kept_) close(one);
  }
  [[nodiscard]] bool take(int (&out)[2]) noexcept {
    if (!kept_.empty()) {
      std::copy(kept_.back().begin(), kept_.back().end(), out);
      kept_.pop_back();
      return true;
    }
    if (made_ == max_pipes || ::pipe2(out, O_NONBLOCK | O_CLOEXEC) != 0) return false;
    // A smaller one than asked for (the user's pages are used up) would be slower than the buffer.
    if (::fcntl(out[0], F_SETPIPE_SZ, pipe_size) < static_cast<int>(pipe_size)) {
      close({out[0], out[1]});
      return false;
    }
    ++made_;
    return true;
  }
  /// `clean`: nothing is in it.
  void give_back(int (&ends)[2], bool clean) noexcept {
    if (clean && kept_.size() < pipes_kept) {
      kept_.push_back({ends[0], ends[1]});
    } else {
      close({ends[0], ends[1]});
      --made_;
    }
  }

private:
  static void close(const std::array<int, 2>& ends) noexcept {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::vector<std::array<int, 2>> kept_ = [] {
    std::vector<std::array<int, 2>> room;
    room.reserve(pipes_kept); // give_back then never allocates
    return room;
  }();
  std::size_t made_ = 0;
};

pipe_pool& pipes() noexcept {
  static thread_local pipe_pool pool;
  return pool;
}

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

} // namespace

tcp_pump::~tcp_pump() { give_pipe_back(); }

void tcp_pump::give_pipe_back() noexcept {
  if (pipe_[0] < 0) return;
  pipes().give_back(pipe_, in_pipe_ == 0);
  pipe_[0] = pipe_[1] = -1;
  in_pipe_ = 0;
}

tcp_pump::moved tcp_pump::fail(int error) noexcept {
  error_.assign(error, boost::system::system_category());
  return moved::failed;
}

bool tcp_pump::keep(const char* bytes, std::size_t size) noexcept {
  left_.reset(new (std::nothrow) char[size]);
  if (!left_) return false;
  std::memcpy(left_.get(), bytes, size);
  left_begin_ = 0;
  left_end_ = static_cast<std::uint32_t>(size);
  return true;
}

tcp_pump::wants tcp_pump::run(int from, int to, std::uint64_t& count) noexcept {
  const auto before = count;
  for (;;) {
    const auto result = held() > 0 ? flush(to, count) : pipe_[0] >= 0 ? splice(from, to, count) : copy(from, to, count);
    switch (result) {
    case moved::all: break;
    case moved::some: stalled_ = true; return wants::writable;
    case moved::none_to_read:
    case moved::end: give_pipe_back(); return result == moved::end ? wants::nothing : wants::readable;
    case moved::failed: return wants::failed;
    }
    if (count - before >= turn_bytes) return wants::turn;
  }
}

tcp_pump::moved tcp_pump::flush(int to, std::uint64_t& count) noexcept {
  if (in_pipe_ > 0) return drain_pipe(to, count);
  const auto sent = ::send(to, left_.get() + left_begin_, left_end_ - left_begin_, MSG_NOSIGNAL);
  if (sent < 0) return would_block(errno) ? moved::some : errno == EINTR ? moved::all : fail(errno);
  left_begin_ += static_cast<std::uint32_t>(sent);
  count += static_cast<std::uint64_t>(sent);
  if (left_begin_ < left_end_) return moved::some;
  left_.reset();
  return moved::all;
}

tcp_pump::moved tcp_pump::copy(int from, int to, std::uint64_t& count) noexcept {
  char* const buffer = shared_buffer();
  if (buffer == nullptr) return fail(ENOMEM);
  const auto got = ::recv(from, buffer, stalled_ ? stalled_read : shared_size, 0);
  if (got == 0) return moved::end;
  if (got < 0) return would_block(errno) ? moved::none_to_read : errno == EINTR ? moved::all : fail(errno);
  const auto size = static_cast<std::size_t>(got);
  auto sent = ::send(to, buffer, size, MSG_NOSIGNAL);
  if (sent < 0 && !would_block(errno) && errno != EINTR) return fail(errno);
  sent = std::max<ssize_t>(sent, 0);
  count += static_cast<std::uint64_t>(sent);
  if (static_cast<std::size_t>(sent) < size)
    return keep(buffer + sent, size - static_cast<std::size_t>(sent)) ? moved::some : fail(ENOMEM);
  stalled_ = false;
  if (size >= bulk) (void)pipes().take(pipe_);
  return moved::all;
}

tcp_pump::moved tcp_pump::splice(int from, int to, std::uint64_t& count) noexcept {
  const auto got = ::splice(from, nullptr, pipe_[1], nullptr, pipe_size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (got == 0) return moved::end;
  if (got < 0) return would_block(errno) ? moved::none_to_read : errno == EINTR ? moved::all : fail(errno);
  in_pipe_ = static_cast<std::size_t>(got);
  const auto out = drain_pipe(to, count);
  if (out == moved::all && static_cast<std::size_t>(got) < trickle) give_pipe_back();
  return out;
}

tcp_pump::moved tcp_pump::drain_pipe(int to, std::uint64_t& count) noexcept {
  while (in_pipe_ > 0) {
    const auto sent = ::splice(pipe_[0], nullptr, to, nullptr, in_pipe_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return would_block(errno) ? moved::some : fail(errno);
    in_pipe_ -= std::min(in_pipe_, static_cast<std::size_t>(sent));
    count += static_cast<std::uint64_t>(sent);
  }
  return moved::all;
}

} // namespace landfall::net
