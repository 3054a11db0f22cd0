#include "http/door.hpp"

#include <fmt/format.h>

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace landfall::http {

namespace {

using base::fail;
using base::outcome;
using base::stage;
using protocol = asio::local::stream_protocol;

base::failure closed_door(std::string_view why) {
  return fail(outcome::local_error, fmt::format("no socket for our own stream: {}", why), stage::connect);
}

/// The folder is 0700 already: the name only has to differ from those of other requests.
result<std::string> path_in(const std::filesystem::path& folder) {
  std::uint64_t name = 0;
  if (::getrandom(&name, sizeof name, 0) != sizeof name) return closed_door("no randomness");
  auto path = (folder / fmt::format("stream-{:016x}", name)).string();
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return closed_door("the path of the state folder is too long");
  return path;
}

bool is_ourselves(local_socket& peer) {
  ucred who{};
  socklen_t size = sizeof who;
  return ::getsockopt(peer.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == ::getpid();
}

} // namespace

result<door> door::open(const asio::any_io_executor& executor, const std::filesystem::path& folder) {
  auto path = path_in(folder);
  if (!path) return std::move(path).error();
  protocol::acceptor listening(executor);
  net::error_code ec;
  listening.open(protocol(), ec);
  if (!ec) listening.bind(protocol::endpoint(*path), ec);
  if (ec) return closed_door(ec.message());
  door out(std::move(listening), std::move(*path)); // from here on it removes the name
  if (::chmod(out.path_.c_str(), 0600) != 0) return closed_door("cannot set its mode");
  out.listening_.listen(1, ec);
  if (ec) return closed_door(ec.message());
  return out;
}

door::door(protocol::acceptor listening, std::string path) : listening_(std::move(listening)), path_(std::move(path)) {}

door::door(door&& other) noexcept
    : listening_(std::move(other.listening_)), path_(std::exchange(other.path_, std::string())) {}

door::~door() { shut(); }

void door::shut() noexcept {
  net::error_code ignored;
  listening_.close(ignored);
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

awaitable<result<local_socket>> door::accept() {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    local_socket peer(executor);
    const auto [ec] = co_await listening_.async_accept(peer, net::as_result);
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) co_return fail(outcome::cancelled, {}, stage::connect);
    if (ec) co_return closed_door(ec.message());
    if (!is_ourselves(peer)) continue;
    shut();
    co_return peer;
  }
}

} // namespace landfall::http
