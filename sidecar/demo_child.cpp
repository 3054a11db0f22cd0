#include "sidecar/demo_child.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <utility>

namespace landfall::sidecar {

using base::fail;
using base::outcome;
using net::as_result;
using net::awaitable;
using net::result;

namespace {

constexpr int patience_ms = 1000; ///< between SIGTERM and SIGKILL: our programs promise to end within it

/// An owned list of posix_spawn's file actions.
class file_actions {
public:
  file_actions() { ::posix_spawn_file_actions_init(&actions_); }
  file_actions(const file_actions&) = delete;
  file_actions& operator=(const file_actions&) = delete;
  ~file_actions() { ::posix_spawn_file_actions_destroy(&actions_); }
  [[nodiscard]] posix_spawn_file_actions_t* get() noexcept { return &actions_; }

private:
  posix_spawn_file_actions_t actions_{};
};

/// Our environment with `changes` in place of variables of the same name.
std::vector<std::string> environment_with(const std::vector<std::string>& changes) {
  std::vector<std::string> out = changes;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view variable(*at);
    const auto name = variable.substr(0, variable.find('=') + 1);
    if (std::none_of(changes.begin(), changes.end(), [name](const auto& c) { return c.starts_with(name); }))
      out.emplace_back(variable);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

int spawn(pid_t& pid, demo_child::start_options& how, int output) {
  file_actions actions;
  ::posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), output, STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, how.log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
  ::posix_spawn_file_actions_addclosefrom_np(actions.get(), STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  auto environment = environment_with(how.environment);
  const int error = ::posix_spawnp(&pid, how.command.front().c_str(), actions.get(), &attributes,
                                   pointers(how.command).data(), pointers(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  return error;
}

} // namespace

result<std::unique_ptr<demo_child>> demo_child::start(net::asio::any_io_executor executor, start_options how) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return fail(outcome::local_error, "a pipe cannot be made");
  pid_t pid = -1;
  const int error = spawn(pid, how, pipe[1]);
  ::close(pipe[1]);
  if (error != 0) {
    ::close(pipe[0]);
    return fail(outcome::local_error,
                fmt::format("{} cannot be started: {}", how.command.front(), std::strerror(error)));
  }
  const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (descriptor < 0) {
    const int why = errno;
    ::close(pipe[0]);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail(outcome::local_error, fmt::format("pidfd_open: {}", std::strerror(why)));
  }
  return std::unique_ptr<demo_child>(new demo_child(executor, pid, descriptor, pipe[0]));
}

demo_child::demo_child(net::asio::any_io_executor executor, pid_t pid, int pid_descriptor, int output)
    : pid_(pid), exit_(executor, pid_descriptor), output_(executor, output) {}

demo_child::~demo_child() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);
  pollfd exited{exit_.native_handle(), POLLIN, 0};
  if (::poll(&exited, 1, patience_ms) <= 0) ::kill(pid_, SIGKILL);
  reap();
}

int demo_child::reap() {
  int status = 0;
  const pid_t pid = std::exchange(pid_, -1);
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

awaitable<result<std::string>> demo_child::read_line() {
  auto [ec, size] =
      co_await net::asio::async_read_until(output_, net::asio::dynamic_buffer(buffer_, max_output), '\n', as_result);
  if (ec == net::asio::error::eof) co_return fail(outcome::local_error, "it ended before it was ready");
  if (ec == net::asio::error::not_found) co_return fail(outcome::too_large, "it says too much");
  if (ec) co_return net::failure_of(ec, base::stage::none);
  auto line = buffer_.substr(0, size - 1);
  buffer_.erase(0, size);
  co_return line;
}

awaitable<result<demo_child::ended>> demo_child::read_all() {
  auto [ec, size] = co_await net::asio::async_read(output_, net::asio::dynamic_buffer(buffer_, max_output), as_result);
  (void)size;
  if (!ec) co_return fail(outcome::too_large, "it says too much");
  if (ec != net::asio::error::eof) co_return net::failure_of(ec, base::stage::none);
  const auto [waited] = co_await exit_.async_wait(net::asio::posix::stream_descriptor::wait_read, as_result);
  if (waited) co_return net::failure_of(waited, base::stage::none);
  ended out;
  out.output = std::move(buffer_);
  out.status = reap();
  co_return out;
}

} // namespace landfall::sidecar
