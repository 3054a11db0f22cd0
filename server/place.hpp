// Places of sockets as text, "127.0.0.1:8080", "[::1]:0", "unix:/run/landfall/server.sock", and as the kernel wants
// them. Pure; names are not looked up.
#pragma once

#include "base/result.hpp"

#include <sys/socket.h>

#include <string_view>

namespace landfall::server {

struct place {
  sockaddr_storage address{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&address); }
  [[nodiscard]] int family() const noexcept { return address.ss_family; }
  /// A Unix socket, 127.0.0.0/8 or ::1.
  [[nodiscard]] bool is_local() const noexcept;
  /// Errors: malformed, repeating the text.
  [[nodiscard]] static base::result<place> parse(std::string_view text);
};

} // namespace landfall::server
