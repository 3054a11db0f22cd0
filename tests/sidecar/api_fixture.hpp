// An API server over a real socket in a thread of its own, a handler that does what the test says, and a client made of
// plain blocking calls, so that it can be as rude as it likes.
#pragma once

#include "sidecar/api_server.hpp"
#include "sidecar/api_socket.hpp"
#include "tests/sidecar/folder.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <future>
#include <string>
#include <thread>

namespace landfall::fakes {

/// GET /v1/peers waits until `release`; everything else is answered with {} at once.
class handler final : public sidecar::api_handler {
public:
  explicit handler(net::asio::any_io_executor executor) : released_(executor) {}
  net::awaitable<sidecar::api_answer> answer(sidecar::api_call call) override {
    sidecar::api_answer out(200, "{}");
    if (std::holds_alternative<sidecar::get_peers>(call)) {
      out.body = "[\"peers\"]";
      ++waiting;
      bool gone = false;
      while (!open_ && !gone) gone = !(co_await released_.wait());
      if (gone) ++cancelled;
      --waiting;
    }
    co_return out;
  }
  void answered(unsigned status) override { last = status; }
  void release() {
    open_ = true;
    released_.notify();
  }
  std::atomic<int> waiting{0}, cancelled{0};
  std::atomic<unsigned> last{0};

private:
  net::notifier released_;
  bool open_ = false;
};

class api {
public:
  explicit api(sidecar::api_limits limits = {}, std::set<uid_t> allowed = {::geteuid()}) {
    auto made = sidecar::api_socket::listen(home / "api.sock");
    REQUIRE(made.has_value());
    socket_.emplace(std::move(*made));
    server_.emplace(io.get_executor(), socket_->release(), handler, events, std::move(allowed), limits);
    const auto on_end = [this](const std::exception_ptr& bug) { failed_ = bug; };
    net::asio::co_spawn(io, server_->run(), on_end);
    thread_ = std::thread([this] { io.run(); });
  }
  ~api() {
    stop();
    thread_.join();
    CHECK_FALSE(failed_);
  }
  /// On the server's thread, and waits for it.
  template <class F> void on_loop(F what) {
    std::promise<void> done;
    net::asio::post(io, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }
  void stop() {
    if (stopped_) return;
    stopped_ = true;
    on_loop([this] {
      server_->stop();
      handler.release();
    });
  }

  folder home;
  net::asio::io_context io{1};
  fakes::handler handler{io.get_executor()};
  sidecar::event_bus events{base::system_clock()};

private:
  std::optional<sidecar::api_socket> socket_;
  std::optional<sidecar::api_server> server_;
  std::thread thread_;
  std::exception_ptr failed_;
  bool stopped_ = false;
};

class client {
public:
  explicit client(const api& to) : client(to.home / "api.sock") {}
  explicit client(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client() { close(); }

  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// Reads until `what` was seen (or the end); what came so far.
  std::string read_until(std::string_view what) {
    while (text_.find(what) == std::string::npos && more()) {
    }
    return text_;
  }
  std::string read_to_end() {
    while (more()) {
    }
    return text_;
  }
  /// True when the server closed, within the patience of a test.
  bool closed() {
    while (more()) {
    }
    return ended_;
  }
  /// True when the server closed, within the same patience, without a byte being read.
  [[nodiscard]] bool hung_up() const {
    pollfd wait{fd_, 0, 0};
    return ::poll(&wait, 1, patience_ms) == 1 && (wait.revents & POLLHUP) != 0;
  }
  bool connected = false;

private:
  bool more() {
    pollfd wait{fd_, POLLIN, 0};
    if (::poll(&wait, 1, patience_ms) != 1) return false;
    char buffer[4096];
    const auto n = ::recv(fd_, buffer, sizeof(buffer), 0);
    ended_ = n <= 0;
    if (n > 0) text_.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }
  static constexpr int patience_ms = 20'000;
  int fd_ = -1;
  bool ended_ = false;
  std::string text_;
};

inline std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: landfall\r\n\r\n";
}

inline unsigned status_of(const std::string& reply) {
  constexpr std::size_t after_version = 9;
  return reply.starts_with("HTTP/1.1 ") ? static_cast<unsigned>(std::stoul(reply.substr(after_version, 3))) : 0;
}

} // namespace landfall::fakes
