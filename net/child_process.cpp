#include "net/child_process.hpp"

#include "net/deadline.hpp"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace landfall::net {

namespace {

using base::fail;
using base::outcome;

/// A descriptor that closes itself.
class owned {
public:
  owned() = default;
  owned(const owned&) = delete;
  owned& operator=(const owned&) = delete;
  ~owned() { reset(); }
  void reset(int descriptor = -1) noexcept {
    if (value_ >= 0) ::close(value_);
    value_ = descriptor;
  }
  [[nodiscard]] int get() const noexcept { return value_; }
  [[nodiscard]] int release() noexcept { return std::exchange(value_, -1); }

private:
  int value_ = -1;
};

struct pipe_ends {
  owned read, write;
  [[nodiscard]] bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read.reset(ends[0]);
    write.reset(ends[1]);
    return true;
  }
};

struct pipes {
  pipe_ends input, output, errors, failure; ///< failure: errno of a start that failed; closed by exec
  [[nodiscard]] bool open() { return input.open() && output.open() && errors.open() && failure.open(); }
};

/// What the child needs, made before the fork: between fork and exec nothing may allocate, for another thread (libcurl
/// has some) may hold the allocator's lock.
struct prepared {
  std::string program;
  std::vector<std::string> command, environment;
  std::string folder;
  std::vector<char*> argv, envp;

  prepared(std::string found, child_options options)
      : program(std::move(found)), command(std::move(options.command)), environment(std::move(options.environment)),
        folder(options.folder.string()), argv(pointers(command)), envp(pointers(environment)) {}

private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
  }
};

/// All signals to their default and none blocked: what we ignore (SIGPIPE) a program would inherit.
void reset_signals() noexcept {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

int become(const prepared& what, const sandbox& walls, const pipes& ends, pid_t parent) noexcept {
  reset_signals();
  if (::setpgid(0, 0) != 0) return errno;
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  if (::getppid() != parent) return ESRCH; // it died before the signal was armed
  if (::dup2(ends.input.read.get(), STDIN_FILENO) < 0 || ::dup2(ends.output.write.get(), STDOUT_FILENO) < 0 ||
      ::dup2(ends.errors.write.get(), STDERR_FILENO) < 0 || ::chdir(what.folder.c_str()) != 0) {
    return errno;
  }
  // Those of ours that were opened without O_CLOEXEC, by a library; marked, not closed: `failure` is still needed.
  if (::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) != 0) {
    for (int at = 3; at < 4096; ++at) (void)::fcntl(at, F_SETFD, FD_CLOEXEC); // before Linux 5.11
  }
  if (const int error = walls.enter(); error != 0) return error;
  ::execve(what.program.c_str(), what.argv.data(), what.envp.data());
  return errno;
}

/// The end of the pipe: exec was reached, 0; else errno of what failed before.
awaitable<int> reported(asio::posix::stream_descriptor& from) {
  int error = 0;
  const auto into = asio::buffer(&error, sizeof error);
  const auto [ec, size] = co_await from.async_read_some(into, as_result);
  if (ec && ec != asio::error::eof) co_return ECANCELED;
  co_return size == sizeof error ? error : 0;
}

base::failure cannot_start(std::string_view what, int error) {
  return fail(outcome::local_error, fmt::format("{}: {}", what, std::strerror(error)));
}

/// Files that the command names are the program's to read: a script, its own configuration.
std::vector<std::filesystem::path> named_files(const std::filesystem::path& program,
                                               const std::vector<std::string>& command) {
  std::vector<std::filesystem::path> out{program};
  std::error_code ignored;
  for (const auto& word : command)
    if (word.starts_with('/') && std::filesystem::is_regular_file(word, ignored)) out.emplace_back(word);
  return out;
}

} // namespace

std::filesystem::path find_program(const std::string& name) {
  if (name.find('/') != name.npos) return ::access(name.c_str(), X_OK) == 0 ? std::filesystem::absolute(name) : "";
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const auto folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    const auto file = std::filesystem::path(folder) / name;
    std::error_code ignored;
    if (file.is_absolute() && ::access(file.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(file, ignored))
      return file;
  }
  return {};
}

awaitable<result<std::unique_ptr<child_process>>> child_process::start(asio::any_io_executor executor,
                                                                       child_options options) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto program = options.command.empty() ? std::filesystem::path() : find_program(options.command.front());
  if (program.empty()) co_return fail(outcome::local_error, "the program is not there, or not on PATH");
  auto readable = named_files(program, options.command);
  readable.insert(readable.end(), options.readable.begin(), options.readable.end());
  const auto walls = sandbox::prepare({.folder = options.folder, .readable = std::move(readable)});
  if (!walls) co_return walls.error();
  pipes ends;
  if (!ends.open()) co_return cannot_start("a pipe", errno);
  const prepared what(program.string(), std::move(options));
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid < 0) co_return cannot_start("fork", errno);
  if (pid == 0) {
    const int error = become(what, *walls, ends, parent);
    [[maybe_unused]] const auto told = ::write(ends.failure.write.get(), &error, sizeof error);
    ::_exit(127);
  }
  for (auto* end : {&ends.input.read, &ends.output.write, &ends.errors.write, &ends.failure.write}) end->reset();
  const int exit = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (exit < 0) {
    const int why = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    co_return cannot_start("the program cannot be started", why);
  }
  asio::posix::stream_descriptor failure(executor, ends.failure.read.release());
  std::unique_ptr<child_process> out(new child_process(std::move(executor), pid, exit, ends.input.write.release(),
                                                       ends.output.read.release(), ends.errors.read.release()));
  out->enforced_ = walls->enforced();
  auto reporting = reported(failure);
  const int error = co_await std::move(reporting);
  if (error == ECANCELED) co_return fail(outcome::cancelled);
  if (error != 0) co_return cannot_start("the program cannot be started", error);
  co_return std::move(out);
}

child_process::child_process(asio::any_io_executor executor, pid_t pid, int exit, int input, int output, int errors)
    : pid_(pid), exit_(executor, exit), input_(executor, input), output_(executor, output), errors_(executor, errors) {}

child_process::~child_process() { reap(); }

int child_process::reap() noexcept {
  if (pid_ < 0) return status_;
  ::kill(-pid_, SIGKILL); // while its pid is still its own: what it started and left behind
  ::kill(pid_, SIGKILL);  // it has no group of its own before the program runs
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return status_;
}

awaitable<result<int>> child_process::ended() {
  if (pid_ >= 0) {
    const auto [ec] = co_await exit_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (ec) co_return failure_of(ec, base::stage::none);
  }
  co_return reap();
}

awaitable<int> child_process::stop(patience limits) {
  co_await asio::this_coro::throw_if_cancelled(false);
  error_code ignored;
  input_.close(ignored);
  auto after_stdin = co_await with_deadline(ended(), limits.after_stdin, base::stage::none);
  if (after_stdin) co_return *after_stdin;
  ::kill(pid_, SIGTERM);
  auto after_term = co_await with_deadline(ended(), limits.after_term, base::stage::none);
  if (after_term) co_return *after_term;
  co_return reap();
}

} // namespace landfall::net
