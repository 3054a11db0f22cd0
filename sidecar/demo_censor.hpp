// The demo's censor: relays in this process between the sidecar and the demo's servers, each of which does to every
// connection what a censor does on the wire. (Tests have a censor on the wire; this one needs no privilege.)
#pragma once

#include "net/async.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <string>
#include <vector>

namespace landfall::sidecar {

enum class interference : std::uint8_t {
  silence, ///< the connection stands and nothing ever comes back: packets after the ClientHello are dropped
  reset,   ///< RST once the ClientHello was seen: a filter on names or fingerprints
  delay    ///< all goes through, later: the long way round
};
[[nodiscard]] std::string_view explain(interference what) noexcept;

class demo_censor {
public:
  explicit demo_censor(net::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  /// A way to `server` with this interference; the loopback port that leads into it. Errors: local_error.
  [[nodiscard]] net::result<std::uint16_t> open_way(interference what, net::asio::ip::tcp::endpoint server);
  /// Serves all ways until cancelled; then every connection is closed and joined.
  [[nodiscard]] net::awaitable<void> run();

private:
  struct way {
    interference what;
    net::asio::ip::tcp::endpoint server;
    net::asio::ip::tcp::acceptor entrance;
  };
  [[nodiscard]] net::awaitable<void> serve(way& one);
  net::asio::any_io_executor executor_;
  std::vector<std::unique_ptr<way>> ways_;
};

} // namespace landfall::sidecar
