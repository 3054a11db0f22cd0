// child_process: a program that we start and own: its three pipes, its end, and nothing of ours in it.
//
// It gets exactly the environment it is given, its own working folder, an empty signal mask, a process group of its own
// (a Ctrl-C at the terminal is ours to handle), no descriptor but 0, 1 and 2, SIGKILL when we die, and a sandbox
// (sandbox.hpp). Its standard input is a pipe that nobody writes to: its end tells the program to end (pt-spec:
// TOR_PT_EXIT_ON_STDIN_CLOSE).
//
// Started by fork, not posix_spawn: what is between fork and exec here posix_spawn does not know. Linux only (pidfd);
// the one file that knows.
#pragma once

#include "net/async.hpp"
#include "net/sandbox.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace landfall::net {

struct child_options {
  std::vector<std::string> command;              ///< command[0]: a path, or a name that is looked for on our PATH
  std::vector<std::string> environment;          ///< "NAME=VALUE", all of it
  std::filesystem::path folder;                  ///< its own: where it works, and all that it may write
  std::vector<std::filesystem::path> readable{}; ///< besides what every program may read, and what its command names
};

/// How long a program gets to end after each step: the end of its stdin, SIGTERM; then SIGKILL.
struct patience {
  std::chrono::milliseconds after_stdin{400}, after_term{200}; ///< within the second in which a sidecar promises to end
};

class child_process {
public:
  /// Ends when the program itself runs; on a busy machine that takes a while, in which the loop is not held.
  /// Errors: local_error: no such program, no descriptors, or the sandbox was refused; cancelled.
  [[nodiscard]] static awaitable<result<std::unique_ptr<child_process>>> start(asio::any_io_executor executor,
                                                                               child_options options);
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  /// SIGKILL and reaped, unless it has ended.
  ~child_process();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] net::enforced enforced() const noexcept { return enforced_; }
  /// For one reader each, who must read them to the end: a program that writes to a full pipe stands still.
  [[nodiscard]] asio::posix::stream_descriptor& output() noexcept { return output_; }
  [[nodiscard]] asio::posix::stream_descriptor& errors() noexcept { return errors_; }

  /// Its exit status as a shell shows it, 128 + signal when it was killed. Fails only with cancelled. One waiter.
  [[nodiscard]] awaitable<result<int>> ended();
  /// Asks it to end, ever less kindly, and waits for that. Its exit status. Cancelled: it is killed without more
  /// patience.
  [[nodiscard]] awaitable<int> stop(patience limits = {});

private:
  child_process(asio::any_io_executor executor, pid_t pid, int exit, int input, int output, int errors);
  int reap() noexcept;

  pid_t pid_; ///< -1 once reaped
  int status_ = 0;
  net::enforced enforced_;
  asio::posix::stream_descriptor exit_, input_, output_, errors_;
};

/// Where a program of that name is, as execvp(3) would find it; empty: nowhere.
[[nodiscard]] std::filesystem::path find_program(const std::string& name);

} // namespace landfall::net
