// socks_service: a SOCKS5 listener on 127.0.0.1 whose connections are opened by a function: what managed mode offers
// for each transport, and the proxy that programs of ours get when their sockets have to be ours.
#pragma once

#include "net/scope.hpp"
#include "net/socks5.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>

namespace landfall::ptclient {

namespace asio = boost::asio;
using net::awaitable;
using net::result;

class socks_service {
public:
  static constexpr std::size_t max_connections = 1024; ///< more wait in the kernel's queue

  /// Opens what was asked for; its failure becomes the reply (wire::reply_for).
  using open_fn = std::function<awaitable<result<net::stream_ptr>>(net::socks5_request)>;

  /// Listens at any free port. Errors: local_error.
  [[nodiscard]] static result<std::unique_ptr<socks_service>> listen(asio::any_io_executor executor,
                                                                     wire::socks_policy policy, open_fn open);
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// Serves until cancelled; every connection has ended then.
  [[nodiscard]] awaitable<void> run();

private:
  socks_service(asio::ip::tcp::acceptor listening, wire::socks_policy policy, open_fn open);
  [[nodiscard]] awaitable<void> serve(net::stream_ptr client);

  asio::ip::tcp::acceptor listening_;
  wire::socks_policy policy_;
  open_fn open_;
  std::uint16_t port_ = 0;
};

} // namespace landfall::ptclient
