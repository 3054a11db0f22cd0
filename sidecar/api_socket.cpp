#include "sidecar/api_socket.hpp"

#include "base/file.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace landfall::sidecar {

namespace {

using base::fail;
using base::result;
using std::filesystem::path;

constexpr int backlog = 64;

base::failure problem(const path& where, std::string_view what) {
  return fail(base::outcome::local_error, fmt::format("API socket {}: {}", where.string(), what));
}

base::failure system_problem(const path& where, std::string_view verb) {
  return problem(where, fmt::format("cannot {}: {}", verb, std::strerror(errno)));
}

result<sockaddr_un> address_of(const path& where) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = where.string();
  if (text.size() >= sizeof(address.sun_path))
    return problem(where, fmt::format("the path has {} bytes, a Unix socket's may have {}; set LANDFALL_API to a "
                                      "shorter one",
                                      text.size(), sizeof(address.sun_path) - 1));
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

/// Does somebody accept connections there? A full backlog (EAGAIN) is a yes.
bool answers(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const bool yes = ::connect(probe, generic(address), sizeof(address)) == 0 || errno == EAGAIN;
  ::close(probe);
  return yes;
}

result<int> lock_path(const path& where) {
  const path lock = where.string() + ".lock";
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return system_problem(where, "create its lock file");
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const bool held = errno == EWOULDBLOCK;
  auto failed = held ? problem(where, "another landfall is listening here; stop it, or set LANDFALL_API")
                     : system_problem(where, "lock");
  ::close(fd);
  return failed;
}

/// Removes a stale socket. Whatever else lies there stays.
result<void> clear(const path& where, const sockaddr_un& address) {
  struct stat info{};
  if (::lstat(where.c_str(), &info) != 0) return errno == ENOENT ? result<void>() : system_problem(where, "look at it");
  if (!S_ISSOCK(info.st_mode)) return problem(where, "something that is no socket lies here; remove it");
  if (answers(address)) return problem(where, "another program is listening here; stop it, or set LANDFALL_API");
  if (::unlink(where.c_str()) != 0) return system_problem(where, "remove the stale socket");
  return {};
}

result<int> bind_private(const path& where, const sockaddr_un& address) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return system_problem(where, "open a socket");
  const mode_t before = ::umask(0177);
  const bool bound = ::bind(fd, generic(address), sizeof(address)) == 0;
  ::umask(before);
  if (bound && ::listen(fd, backlog) == 0) return fd;
  auto failed = system_problem(where, "listen");
  ::close(fd);
  return failed;
}

} // namespace

result<api_socket> api_socket::listen(const std::filesystem::path& where) {
  const auto address = address_of(where);
  if (!address) return address.error();
  if (auto folder = base::private_folder(where.parent_path()); !folder) return problem(where, folder.error().detail);
  api_socket made;
  const auto lock = lock_path(where);
  if (!lock) return lock.error();
  made.lock_ = *lock;
  if (auto cleared = clear(where, *address); !cleared) return cleared.error();
  const auto fd = bind_private(where, *address);
  if (!fd) return fd.error();
  made.socket_ = *fd;
  made.path_ = where;
  struct stat info{};
  if (::lstat(where.c_str(), &info) == 0) {
    made.device_ = info.st_dev;
    made.inode_ = info.st_ino;
  }
  return made;
}

api_socket::api_socket(api_socket&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::exchange(other.lock_, -1)),
      socket_(std::exchange(other.socket_, -1)), device_(other.device_), inode_(other.inode_) {}

api_socket& api_socket::operator=(api_socket&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  std::swap(socket_, other.socket_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

api_socket::~api_socket() {
  struct stat info{};
  const bool ours = !path_.empty() && ::lstat(path_.c_str(), &info) == 0 && S_ISSOCK(info.st_mode) &&
                    info.st_dev == device_ && info.st_ino == inode_;
  if (ours) ::unlink(path_.c_str());
  if (socket_ >= 0) ::close(socket_);
  if (lock_ >= 0) ::close(lock_); // last: nobody may bind before our socket is gone
}

int api_socket::release() noexcept { return std::exchange(socket_, -1); }

} // namespace landfall::sidecar
