// The whole of `landfall run`, for the command, the demo and tests.
#pragma once

#include "config/settings.hpp"
#include "net/stream.hpp"
#include "wire/socks5.hpp"

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>

namespace landfall::sidecar {

/// Opens a stream to a peer through the best tunnel; refuses what the local proxy refuses.
using open_best_fn = std::function<net::awaitable<net::result<net::stream_ptr>>(wire::socks_destination)>;

struct run_options {
  config::settings settings;
  std::filesystem::path socket; ///< config::socket_path
  bool demo = false;            ///< network `demo` is allowed; set by `landfall demo` alone, never by a flag
  bool exit_with_parent = false;
  std::optional<pid_t> parent; ///< whom to expect as parent, so that one that died early is noticed
  bool exit_on_stdin_close = false;
  /// Runs as long as the sidecar does, cancelled at its end.
  std::function<net::awaitable<void>(open_best_fn)> beside{};
};

/// Runs a sidecar in this thread until SIGTERM, SIGINT or what the options name; returns the exit status (cli.hpp)
/// after everything has ended and the socket is gone, within a second of the signal. Errors are told on stderr: 2 for
/// configuration, socket and state folder, 3 for the trust anchor.
[[nodiscard]] int run_sidecar(run_options options);

} // namespace landfall::sidecar
