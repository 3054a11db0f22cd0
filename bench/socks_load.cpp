// The load of bench_socks.py: an origin, and clients that go to it through a SOCKS5 proxy or directly. Plain sockets
// and epoll, no code of ours, so that what is measured is not measured by itself.
//
//   socks_load origin                                     prints its port
//   socks_load bulk   PROXY HOST PORT MEGABYTES           one stream from the origin: seconds
//   socks_load churn  PROXY HOST PORT COUNT AT_ONCE       connections that say one byte and hear one: seconds
//   socks_load hold   PROXY HOST PORT COUNT               opens them, prints "held", until stdin ends
// PROXY: a port of 127.0.0.1, or 0: no proxy. HOST: an address of loopback.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t piece = 256 * 1024;
char buffer[piece];

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in at(const char* host, int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::inet_pton(AF_INET, host, &out.sin_addr) != 1) die(host);
  return out;
}

struct way {
  sockaddr_in first{};
  std::string request; ///< empty: no proxy
};

way way_to(const char* proxy, const char* host, const char* port) {
  const auto far = at(host, std::atoi(port));
  const int via = std::atoi(proxy);
  if (via == 0) return {far, {}};
  std::string request("\5\1\0\1", 4);
  request.append(reinterpret_cast<const char*>(&far.sin_addr), 4);
  request.append(reinterpret_cast<const char*>(&far.sin_port), 2);
  return {at("127.0.0.1", via), request};
}

void say(int fd, const std::string& bytes) {
  if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) die("send");
}
void hear(int fd, std::size_t size) {
  for (std::size_t got = 0; got < size;) {
    const auto more = ::recv(fd, buffer, size - got, 0);
    if (more <= 0) die("the proxy hung up");
    got += static_cast<std::size_t>(more);
  }
}

/// Connected to the origin, blocking.
int open_to(const way& to) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&to.first), sizeof to.first) != 0) die("connect");
  if (to.request.empty()) return fd;
  say(fd, std::string("\5\1\0", 3));
  hear(fd, 2);
  say(fd, to.request);
  hear(fd, 10);
  if (buffer[1] != 0) die("the proxy refuses");
  return fd;
}

class stopwatch {
public:
  ~stopwatch() {
    std::printf("%.6f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count());
  }

private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

/// 'E': 'e' back. 'B' and eight bytes: as many bytes. Blocking while it sends: one bulk stream at a time.
void answer(int fd) {
  std::array<unsigned char, 9> asked{};
  const auto got = ::recv(fd, asked.data(), asked.size(), 0);
  if (got <= 0) {
    ::close(fd);
  } else if (asked[0] == 'E') {
    (void)::send(fd, "e", 1, MSG_NOSIGNAL);
  } else {
    std::uint64_t left = 0;
    for (std::size_t i = 1; i < asked.size(); ++i) left = left << 8 | asked[i];
    while (left > 0) {
      const auto sent = ::send(fd, buffer, left < piece ? left : piece, MSG_NOSIGNAL);
      if (sent <= 0) break;
      left -= static_cast<std::uint64_t>(sent);
    }
    ::close(fd);
  }
}

int origin() {
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto any = at("0.0.0.0", 0);
  socklen_t size = sizeof any;
  if (::bind(listening, reinterpret_cast<const sockaddr*>(&any), size) != 0 || ::listen(listening, 8192) != 0)
    die("listen");
  ::getsockname(listening, reinterpret_cast<sockaddr*>(&any), &size);
  std::printf("%d\n", ntohs(any.sin_port));
  std::fflush(stdout);
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{EPOLLIN, {.fd = listening}};
  ::epoll_ctl(poll, EPOLL_CTL_ADD, listening, &wanted);
  std::array<epoll_event, 256> events{};
  for (;;) {
    const int count = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<std::size_t>(i)].data.fd != listening) {
        answer(events[static_cast<std::size_t>(i)].data.fd);
        continue;
      }
      const int fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
      const int one = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      wanted = {EPOLLIN, {.fd = fd}};
      ::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted);
    }
  }
}

int bulk(const way& to, std::uint64_t megabytes) {
  const int fd = open_to(to);
  std::string ask("B");
  for (int shift = 56; shift >= 0; shift -= 8) ask += static_cast<char>(megabytes * 1'000'000 >> shift);
  const stopwatch watch;
  say(fd, ask);
  std::uint64_t got = 0;
  // MSG_TRUNC: the kernel throws them away, so that the client takes as little of the two cores as it can.
  for (ssize_t more = 1; more > 0; got += static_cast<std::uint64_t>(more)) {
    more = ::recv(fd, nullptr, 8 * piece, MSG_TRUNC);
    if (more < 0) die("recv");
  }
  if (got != megabytes * 1'000'000) die("not all came");
  return 0;
}

/// One connection of `churn`, its state the number of bytes that it has heard.
struct client {
  std::size_t heard = 0;
};

class churn {
public:
  churn(way to, int count, int at_once) : to_(std::move(to)), left_(count), at_once_(at_once) {}

  int run() {
    const stopwatch watch;
    for (int i = 0; i < at_once_ && left_ > 0; ++i) begin();
    std::array<epoll_event, 256> events{};
    while (open_ > 0) {
      const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 10'000);
      if (count <= 0) die("nothing happens");
      for (int i = 0; i < count; ++i) advance(events[static_cast<std::size_t>(i)]);
    }
    return 0;
  }

private:
  void begin() {
    --left_;
    ++open_;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&to_.first), sizeof to_.first) != 0 && errno != EINPROGRESS)
      die("connect");
    if (clients_.size() <= static_cast<std::size_t>(fd)) clients_.resize(static_cast<std::size_t>(fd) + 1);
    clients_[static_cast<std::size_t>(fd)] = {};
    epoll_event wanted{EPOLLOUT, {.fd = fd}};
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &wanted);
  }
  void advance(const epoll_event& event) {
    const int fd = event.data.fd;
    auto& heard = clients_[static_cast<std::size_t>(fd)].heard;
    const std::size_t greeting = to_.request.empty() ? 0 : 2, reply = to_.request.empty() ? 0 : greeting + 10;
    if ((event.events & EPOLLOUT) != 0) {
      if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) return again(fd);
      say(fd, to_.request.empty() ? std::string("E") : std::string("\5\1\0", 3));
      epoll_event wanted{EPOLLIN, {.fd = fd}};
      ::epoll_ctl(poll_, EPOLL_CTL_MOD, fd, &wanted);
      return;
    }
    const auto got = ::recv(fd, buffer, 64, 0);
    if (got <= 0) return again(fd);
    const auto before = std::exchange(heard, heard + static_cast<std::size_t>(got));
    if (before < greeting && heard >= greeting) say(fd, to_.request);
    if (before < reply && heard >= reply) say(fd, "E");
    if (heard < reply + 1) return;
    ::close(fd);
    --open_;
    if (left_ > 0) begin();
  }

  /// Some proxies turn a few away when many come at once; each is tried again, and takes its time from the rate.
  void again(int fd) {
    ::close(fd);
    --open_;
    ++left_;
    if (++broken_ > most_broken) die("too many connections broke");
    begin();
  }

  static constexpr int most_broken = 1000;
  way to_;
  int broken_ = 0;
  int left_, at_once_, open_ = 0, poll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<client> clients_;
};

int hold(const way& to, int count) {
  for (int i = 0; i < count; ++i) {
    const int fd = open_to(to);
    say(fd, "E");
    hear(fd, 1);
  }
  std::printf("held\n");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "origin") return origin();
  if (argc < 6) return std::fprintf(stderr, "see the head of bench/socks_load.cpp\n"), 2;
  const auto to = way_to(argv[2], argv[3], argv[4]);
  const int number = std::atoi(argv[5]);
  if (what == "bulk") return bulk(to, static_cast<std::uint64_t>(number));
  if (what == "churn" && argc > 6) return churn(to, number, std::atoi(argv[6])).run();
  if (what == "hold") return hold(to, number);
  return 2;
}
