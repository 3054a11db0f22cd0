// A program that the demo starts: its output read through a pipe, ended and reaped by its own pid.
#pragma once

#include "net/async.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace landfall::sidecar {

class demo_child {
public:
  struct start_options {
    std::vector<std::string> command;          ///< command[0]: a path, or a name that is looked for on PATH
    std::vector<std::string> environment = {}; ///< "NAME=VALUE", instead of ours of that name
    std::filesystem::path log;                 ///< where its stderr goes
  };
  /// Starts it with stdin from /dev/null, no descriptors of ours, and in a process group of its own, so that a Ctrl-C
  /// at the terminal is ours to handle. Errors: local_error.
  [[nodiscard]] static net::result<std::unique_ptr<demo_child>> start(net::asio::any_io_executor executor,
                                                                      start_options how);
  demo_child(const demo_child&) = delete;
  demo_child& operator=(const demo_child&) = delete;
  /// SIGTERM, a second's patience, SIGKILL; nothing of it is left. Blocks meanwhile.
  ~demo_child();

  /// Its next line without the newline. Errors: local_error (it ended), too_large (max_output), cancelled.
  [[nodiscard]] net::awaitable<net::result<std::string>> read_line();
  /// Its output to the end, then its exit status. Errors: too_large, cancelled, local_error.
  struct ended {
    std::string output;
    int status = 0; ///< as a shell shows it: 128 + signal when it was killed
  };
  [[nodiscard]] net::awaitable<net::result<ended>> read_all();

  static constexpr std::size_t max_output = 256 * 1024; ///< 32 peers are below 16 KiB

private:
  demo_child(net::asio::any_io_executor executor, pid_t pid, int pid_descriptor, int output);
  int reap();
  pid_t pid_;
  net::asio::posix::stream_descriptor exit_, output_;
  std::string buffer_;
};

} // namespace landfall::sidecar
