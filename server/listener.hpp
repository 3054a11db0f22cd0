// Listening sockets: "127.0.0.1:8080", "[::1]:0", "unix:/run/landfall/server.sock". Opens sockets; blocks for nothing.
#pragma once

#include "base/result.hpp"
#include "server/event.hpp"

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace landfall::server {

/// A Unix socket's file, removed with this object unless another has taken its place.
class socket_file {
public:
  socket_file() = default;
  explicit socket_file(std::filesystem::path path);
  socket_file(socket_file&& other) noexcept;
  socket_file& operator=(socket_file&& other) noexcept;
  ~socket_file();
  [[nodiscard]] bool exists() const noexcept { return inode_ != 0; }

private:
  std::filesystem::path path_;
  ino_t inode_ = 0; ///< 0: there is none
};

/// One place to listen at.
struct listening {
  socket_file file;            ///< of "unix:" only
  evconnlistener_ptr listener; ///< made disabled, without a callback: evhttp_bind_listener gives it one
  std::string name;            ///< where it really listens: with the port that port 0 became
};

/// Binds and listens. TCP sockets have TCP_NODELAY, which accepted ones inherit: without it the end of an answer waits
/// for the delayed ACK of its beginning. A Unix socket gets mode 0660 and replaces one that nobody answers on; IPv6
/// addresses take IPv6 only. Errors: malformed (no such form; names are not looked up, a port must be given),
/// local_error (in use, no permission).
[[nodiscard]] base::result<listening> listen_at(event_base* base, std::string_view where);

} // namespace landfall::server
