// The local SOCKS5 proxy of `landfall run`: the VPN reaches its peers through the best open tunnel.
//
// Who may use it: on TCP, who says the password of this start, which the API tells to those it trusts, or everybody
// with `open`; on a Unix socket, the uids that may use the API. The user name is the isolation token. What a client can
// make us hold: a handshake has 8 s and at most 1 024 of them are under way, of which the oldest makes room for a new
// one, so that who opens thousands and says nothing keeps nobody out. Descriptors: two a connection, never the last
// ones: at the limit the next client waits in the kernel's queue. Logs name no destination and no user.
#pragma once

#include "net/scope.hpp"
#include "net/socks5.hpp"
#include "sidecar/api_socket.hpp"
#include "sidecar/socks_told.hpp"
#include "sidecar/tunnel.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace landfall::sidecar {

struct socks_limits {
  std::chrono::milliseconds handshake{8000};
  std::size_t half_open = 1024;
  std::chrono::steady_clock::duration idle = std::chrono::minutes(10);
};

struct socks_options {
  std::string listen;      ///< as [sidecar] socks
  bool open = false;       ///< no password
  std::set<uid_t> allowed; ///< on a Unix socket
  socks_limits limits{};
};

class socks_server {
public:
  using may_reach_fn = std::function<bool(const wire::socks_destination&)>;

  /// Binds and listens. `tunnels` outlives it. Errors: local_error with what is wrong and what to do.
  [[nodiscard]] static base::result<std::unique_ptr<socks_server>>
  open(net::asio::any_io_executor executor, socks_options options, tunnel_set& tunnels, may_reach_fn may_reach);

  /// Until cancelled; then every connection is closed at once.
  [[nodiscard]] net::awaitable<void> run();

  [[nodiscard]] const socks_told& told() const noexcept { return told_; }
  [[nodiscard]] const socks_counts& counts() const noexcept { return counts_; }
  [[nodiscard]] const tunnel_set& tunnels() const noexcept { return tunnels_; }

private:
  using tcp = net::asio::ip::tcp;
  using local = net::asio::local::stream_protocol;

  socks_server(net::asio::any_io_executor executor, socks_options options, tunnel_set& tunnels, may_reach_fn may_reach);
  [[nodiscard]] base::result<void> listen_tcp();
  [[nodiscard]] base::result<void> listen_unix(const std::string& path);

  [[nodiscard]] net::awaitable<net::result<net::stream_ptr>> accept();
  [[nodiscard]] net::awaitable<void> serve(net::stream_ptr client);
  [[nodiscard]] net::awaitable<std::optional<tunnel_set::opened>> lead(net::stream& client);
  [[nodiscard]] net::awaitable<net::result<net::socks5_request>> handshake(net::stream& client);

  net::asio::any_io_executor executor_;
  socks_options options_;
  wire::socks_policy policy_;
  tunnel_set& tunnels_;
  may_reach_fn may_reach_;
  socks_told told_;
  socks_counts counts_;
  std::optional<api_socket> path_; ///< of a Unix socket: removed with it
  std::optional<tcp::acceptor> tcp_;
  std::optional<local::acceptor> local_;
  std::list<net::stream*> waiting_; ///< half-open, oldest first
};

/// The soft limit of descriptors raised to the hard one: 5 000 connections are 10 000 of them.
void raise_descriptor_limit() noexcept;

} // namespace landfall::sidecar
