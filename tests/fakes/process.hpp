// Real programs for tests: started, waited for until they listen, ended by pid; and a folder that goes with the test.
#pragma once

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::fakes {

/// A folder of our own, 0700, removed at the end.
class scratch {
public:
  scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "landfall-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Writes a file and gives its path.
  std::string put(std::string_view name, std::string_view content) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }
  [[nodiscard]] std::string get(std::string_view name) const {
    std::ifstream in(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

private:
  std::filesystem::path path_;
};

namespace detail {
inline void pause(int milliseconds) { ::poll(nullptr, 0, milliseconds); }

inline int loopback_socket(std::uint16_t port, sockaddr_in& address, int type = SOCK_STREAM) {
  address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
}
} // namespace detail

/// A port of 127.0.0.1 on which nothing listens now. Another process may take it before you do: that is rare.
inline std::uint16_t free_port(int type = SOCK_STREAM) {
  sockaddr_in address{};
  const int probe = detail::loopback_socket(0, address, type);
  socklen_t size = sizeof address;
  REQUIRE(::bind(probe, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(probe);
  return ntohs(address.sin_port);
}

/// A child process. SIGTERM, then SIGKILL, at the end of the object; killed with us should we crash.
class process {
public:
  /// stdin is /dev/null; stdout and stderr go to `log` (empty: /dev/null).
  explicit process(const std::vector<std::string>& arguments, const std::string& log = {}) : log_(log) {
    std::vector<char*> argv;
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const auto parent = ::getpid();
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(126);
    const int in = ::open("/dev/null", O_RDONLY);
    const int out = ::open(log.empty() ? "/dev/null" : log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ~process() { stop(); }
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] bool running() {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    return pid_ > 0;
  }
  void stop(int signal = SIGTERM) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    for (int i = 0; i < 200 && running(); ++i) detail::pause(10);
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// Until it accepts connections there; fails the test, with its log, when it ends or ten seconds pass.
  void wait_for_port(std::uint16_t port) {
    for (int i = 0; i < 1000; ++i) {
      sockaddr_in address{};
      const int probe = detail::loopback_socket(port, address);
      const bool up = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
      ::close(probe);
      if (up) return;
      if (!running()) break;
      detail::pause(10);
    }
    std::ifstream in(log_);
    const std::string said{std::istreambuf_iterator<char>(in), {}};
    FAIL("the program does not listen: " << said);
  }

private:
  pid_t pid_ = -1;
  std::string log_;
};

/// OpenSSL's program of the version that is loaded here: beside the library where that is a private one.
inline std::string openssl_program() {
  Dl_info library{};
  void* symbol = ::dlsym(RTLD_DEFAULT, "SSL_new");
  if (symbol == nullptr || ::dladdr(symbol, &library) == 0) return "openssl";
  const auto own = std::filesystem::path(library.dli_fname).parent_path().parent_path() / "bin/openssl";
  return ::access(own.c_str(), X_OK) == 0 ? own.string() : "openssl";
}

} // namespace landfall::fakes
