// The small demo's censor: relays in this process between the sidecar and the demo's servers, each of which does to
// every connection one thing that censors do. The profiles have a whole one (demo_profile.cpp).
#pragma once

#include "net/async.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <memory>
#include <string_view>

namespace landfall::sidecar {

enum class interference : std::uint8_t {
  silence, ///< the connection stands and nothing ever comes back: packets after the ClientHello are dropped
  reset,   ///< RST once the ClientHello was seen: a filter on names or fingerprints
  delay    ///< all goes through, later: the long way round
};
[[nodiscard]] std::string_view explain(interference what) noexcept;

/// One way to a server: a port of `entrance`, and what happens to connections that enter it.
class demo_way {
public:
  /// Errors: local_error.
  [[nodiscard]] static net::result<std::unique_ptr<demo_way>> open(net::asio::any_io_executor executor,
                                                                   interference what,
                                                                   net::asio::ip::address_v4 entrance,
                                                                   net::asio::ip::tcp::endpoint server);
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// Serves until cancelled; then every connection is closed and joined.
  [[nodiscard]] net::awaitable<void> run();

private:
  demo_way(net::asio::any_io_executor executor, interference what, net::asio::ip::tcp::endpoint server)
      : what_(what), server_(std::move(server)), entrance_(executor) {}
  interference what_;
  net::asio::ip::tcp::endpoint server_;
  net::asio::ip::tcp::acceptor entrance_;
  std::uint16_t port_ = 0;
};

} // namespace landfall::sidecar
