#include "net/socket.hpp"

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace landfall::net {

namespace {

base::failure refused_option(std::string_view what, int error) {
  if (error == EPERM) return base::fail(base::outcome::local_error, fmt::format("{} needs CAP_NET_ADMIN", what));
  if (error == ENODEV) return base::fail(base::outcome::local_error, fmt::format("{}: no such interface", what));
  return base::fail(base::outcome::local_error, fmt::format("{}: {}", what, std::strerror(error)));
}

} // namespace

result<void> apply(const socket_options& options, int descriptor) {
  if (options.fwmark != 0 &&
      ::setsockopt(descriptor, SOL_SOCKET, SO_MARK, &options.fwmark, sizeof options.fwmark) != 0) {
    return refused_option("fwmark", errno);
  }
  if (options.interface.empty()) return {};
  // The kernel cuts a longer name short and would bind to another interface.
  if (options.interface.size() >= IFNAMSIZ) return refused_option("interface", ENODEV);
  if (::setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, options.interface.data(),
                   static_cast<socklen_t>(options.interface.size())) != 0) {
    return refused_option("interface", errno);
  }
  return {};
}

result<void> check(const socket_options& options) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return base::fail(base::outcome::local_error, std::strerror(errno));
  auto applied = apply(options, descriptor);
  ::close(descriptor);
  return applied;
}

awaitable<result<asio::ip::tcp::socket>> dial(asio::ip::tcp::endpoint to, socket_options options) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const bool cancelled = co_await was_cancelled();
  if (cancelled) co_return base::fail(base::outcome::cancelled, {}, base::stage::connect);
  const auto executor = co_await asio::this_coro::executor;
  asio::ip::tcp::socket socket(executor);
  error_code ec;
  socket.open(to.protocol(), ec);
  if (ec) co_return failure_of(ec, base::stage::connect);
  if (auto applied = apply(options, socket.native_handle()); !applied) {
    auto failed = std::move(applied).error();
    failed.at = base::stage::connect;
    co_return failed;
  }
  const auto [connected] = co_await socket.async_connect(to, as_result);
  if (connected) co_return failure_of(connected, base::stage::connect);
  socket.set_option(asio::ip::tcp::no_delay(true), ec);
  if (ec) co_return failure_of(ec, base::stage::connect);
  co_return socket;
}

} // namespace landfall::net
