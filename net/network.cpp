// The half of network.hpp that asks the kernel.
#include "net/network.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace landfall::net {

namespace {

constexpr std::size_t datagram_size = 32 * 1024; // what the kernel fills at most in a dump
constexpr int max_datagrams = 64;                // of a dump: 2 MiB; the default route is not behind that

/// Not through net::apply: nothing that is sent here leaves the machine, and netlink takes neither mark nor interface.
int open_netlink(std::uint32_t groups) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return -1;
  sockaddr_nl here{};
  here.nl_family = AF_NETLINK;
  here.nl_groups = groups;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0) return fd;
  ::close(fd);
  return -1;
}

/// A datagram of the kernel's into `buffer`; nullopt when there is none. What others send is thrown away.
std::optional<std::string_view> receive(int fd, std::array<char, datagram_size>& buffer) {
  sockaddr_nl from{};
  socklen_t size = sizeof from;
  const auto got = ::recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
  if (got < 0) return std::nullopt;
  return std::string_view(buffer.data(), from.nl_pid == 0 ? static_cast<std::size_t>(got) : 0);
}

/// The kernel answers a dump before send returns, one datagram at a time as they are read: nothing is waited for.
bool dump(int fd, std::uint16_t type, netlink_picture& into) {
  struct {
    nlmsghdr head;
    rtgenmsg what;
  } request{};
  request.head.nlmsg_len = NLMSG_LENGTH(sizeof request.what);
  request.head.nlmsg_type = type;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.what.rtgen_family = AF_UNSPEC;
  if (::send(fd, &request, request.head.nlmsg_len, 0) < 0) return false;
  std::array<char, datagram_size> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (int i = 0; i < max_datagrams; ++i) {
    const auto datagram = receive(fd, buffer);
    if (!datagram) return false;
    if (!into.take(*datagram)) return true;
  }
  return true;
}

class system_source final : public network_source {
public:
  system_source(asio::any_io_executor executor, std::string only)
      : executor_(std::move(executor)), only_(std::move(only)) {}

  network_state look() override {
    netlink_picture picture;
    bool told = true;
    // One socket for each: a dump that was cut short leaves nothing behind for the next.
    for (const auto type : {RTM_GETLINK, RTM_GETROUTE, RTM_GETNEIGH}) {
      const int fd = open_netlink(0);
      told = told && fd >= 0 && dump(fd, static_cast<std::uint16_t>(type), picture);
      if (fd >= 0) ::close(fd);
    }
    return told ? picture.judge(only_) : network_state{};
  }

  awaitable<result<void>> changed() override {
    co_await asio::this_coro::throw_if_cancelled(false);
    if (!listening_ && !listen()) co_return base::fail(base::outcome::local_error, "netlink: the kernel tells nothing");
    const auto [ec] = co_await listening_->async_wait(asio::posix::descriptor_base::wait_read, as_result);
    const bool cancelled = co_await was_cancelled();
    if (cancelled) co_return base::fail(base::outcome::cancelled);
    if (ec) co_return failure_of(ec, base::stage::none);
    // A burst is one change. ENOBUFS, told when we were too slow, is one too, and is cleared by being read.
    std::array<char, 1024> ignored; // NOLINT(cppcoreguidelines-pro-type-member-init)
    const int fd = listening_->native_handle();
    for (int i = 0; i < 1024; ++i)
      if (::recv(fd, ignored.data(), ignored.size(), 0) < 0 && errno != ENOBUFS) break;
    co_return result<void>{};
  }

  std::chrono::nanoseconds slept() const override {
    timespec boot{}, monotonic{};
    if (::clock_gettime(CLOCK_BOOTTIME, &boot) != 0 || ::clock_gettime(CLOCK_MONOTONIC, &monotonic) != 0) return {};
    const auto ahead = std::chrono::seconds(boot.tv_sec - monotonic.tv_sec) +
                       std::chrono::nanoseconds(boot.tv_nsec - monotonic.tv_nsec);
    return std::max(ahead, std::chrono::nanoseconds(0)); // the second clock was read a little later
  }

private:
  bool listen() {
    const int fd =
        open_netlink(RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
    if (fd >= 0) listening_.emplace(executor_, fd);
    return fd >= 0;
  }

  asio::any_io_executor executor_;
  std::string only_;
  std::optional<asio::posix::stream_descriptor> listening_;
};

} // namespace

std::unique_ptr<network_source> system_network(asio::any_io_executor executor, std::string only) {
  return std::make_unique<system_source>(std::move(executor), std::move(only));
}

} // namespace landfall::net
