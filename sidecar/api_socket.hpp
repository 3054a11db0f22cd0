// The Unix socket of the local API: where it may lie, who may own it, and how two starters do not both win.
//
// Owning the path = holding an flock on PATH.lock, which the kernel drops when we die. With the lock in hand a socket
// that still answers belongs to a program that does not know the lock and is left alone; one that refuses is stale and
// is replaced; anything that is no socket is never removed. The socket is created under umask 0177, so there is no
// moment in which others can connect.
#pragma once

#include "base/result.hpp"

#include <sys/types.h>

#include <filesystem>

namespace landfall::sidecar {

class api_socket {
public:
  /// Binds and listens. Errors: local_error with what is wrong and what to do: path too long for a Unix socket (107
  /// bytes), folder not ours or writable by others, something in the way, another sidecar is listening.
  [[nodiscard]] static base::result<api_socket> listen(const std::filesystem::path& path);

  api_socket(api_socket&& other) noexcept;
  api_socket& operator=(api_socket&& other) noexcept;
  /// Closes; removes the path when it is still the socket made here.
  ~api_socket();

  /// The listening descriptor, to be handed to an acceptor, which closes it.
  [[nodiscard]] int release() noexcept;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  api_socket() = default;
  std::filesystem::path path_;
  int lock_ = -1, socket_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

} // namespace landfall::sidecar
