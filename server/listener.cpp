#include "server/listener.hpp"

#include "server/place.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace landfall::server {

namespace {
using base::fail;
using base::failure;
using base::outcome;

constexpr int backlog = 1024;

failure socket_failure(std::string_view where, int error) {
  return fail(outcome::local_error, fmt::format("cannot listen at {}: {}", where, std::strerror(error)));
}

struct socket_descriptor {
  int fd = -1;
  explicit socket_descriptor(int family) : fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  socket_descriptor(const socket_descriptor&) = delete;
  socket_descriptor& operator=(const socket_descriptor&) = delete;
  ~socket_descriptor() {
    if (fd >= 0) ::close(fd);
  }
  [[nodiscard]] int release() noexcept { return std::exchange(fd, -1); }
};

void switch_on(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

/// Hands a listening socket to libevent, which owns it from then on.
base::result<listening> adopt(event_base* base, socket_descriptor& socket, std::string_view where) {
  listening out;
  out.listener.reset(evconnlistener_new(
      base, nullptr, nullptr, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, -1, socket.fd));
  if (!out.listener) return socket_failure(where, errno);
  static_cast<void>(socket.release());
  return out;
}

std::string name_of(int fd) {
  sockaddr_storage storage{};
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  socklen_t size = sizeof storage;
  if (::getsockname(fd, address, &size) != 0) return "?";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(v6->sin6_port));
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
  ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  return fmt::format("{}:{}", text.data(), ntohs(v4->sin_port));
}

base::result<listening> listen_tcp(event_base* base, const place& at, std::string_view where) {
  socket_descriptor socket(at.family());
  if (socket.fd < 0) return socket_failure(where, errno);
  switch_on(socket.fd, SOL_SOCKET, SO_REUSEADDR);
  switch_on(socket.fd, IPPROTO_TCP, TCP_NODELAY);
  if (at.family() == AF_INET6) switch_on(socket.fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (::bind(socket.fd, at.get(), at.size) != 0 || ::listen(socket.fd, backlog) != 0)
    return socket_failure(where, errno);
  auto out = adopt(base, socket, where);
  if (out) out->name = name_of(evconnlistener_get_fd(out->listener.get()));
  return out;
}

/// Removes a socket that nobody listens on any more. A living server, and any other file, stays.
base::result<void> remove_stale(const sockaddr_un& address, std::string_view where) {
  struct stat info{};
  if (::lstat(address.sun_path, &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) return fail(outcome::local_error, fmt::format("{} exists and is no socket", where));
  const socket_descriptor probe(AF_UNIX);
  const bool answered = ::connect(probe.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (answered || errno == EAGAIN)
    return fail(outcome::local_error, fmt::format("another server listens at {}", where));
  if (errno != ECONNREFUSED) return socket_failure(where, errno);
  if (::unlink(address.sun_path) != 0) return socket_failure(where, errno);
  return {};
}

base::result<listening> listen_unix(event_base* base, const place& at, std::string_view where) {
  const auto& address = reinterpret_cast<const sockaddr_un&>(at.address);
  if (auto clear = remove_stale(address, where); !clear) return clear.error();
  socket_descriptor socket(AF_UNIX);
  if (socket.fd < 0) return socket_failure(where, errno);
  // 0660: the web server in front joins by its group. One thread, so the umask is ours for a moment.
  const auto before = ::umask(0117);
  const bool bound = ::bind(socket.fd, at.get(), at.size) == 0;
  const int error = errno;
  ::umask(before);
  if (!bound) return socket_failure(where, error);
  socket_file file{std::filesystem::path(address.sun_path)};
  if (::listen(socket.fd, backlog) != 0) return socket_failure(where, errno);
  auto out = adopt(base, socket, where);
  if (!out) return out;
  out->file = std::move(file);
  out->name = std::string(where);
  return out;
}
} // namespace

socket_file::socket_file(std::filesystem::path path) : path_(std::move(path)) {
  struct stat info{};
  if (::lstat(path_.c_str(), &info) == 0) inode_ = info.st_ino;
}
socket_file::socket_file(socket_file&& other) noexcept
    : path_(std::move(other.path_)), inode_(std::exchange(other.inode_, 0)) {}
socket_file& socket_file::operator=(socket_file&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(inode_, other.inode_);
  return *this;
}
socket_file::~socket_file() {
  struct stat info{};
  if (inode_ != 0 && ::lstat(path_.c_str(), &info) == 0 && info.st_ino == inode_) ::unlink(path_.c_str());
}

base::result<listening> listen_at(event_base* base, std::string_view where) {
  const auto at = place::parse(where);
  if (!at) return at.error();
  return at->family() == AF_UNIX ? listen_unix(base, *at, where) : listen_tcp(base, *at, where);
}

} // namespace landfall::server
