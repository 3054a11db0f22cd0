// The censor without privileges: the same rules, applied to the streams of relays on loopback. For the demo, and for
// everybody whose machine does not let them make network namespaces.
//
//   auto censor = relay_censor::make(executor, {.profile = "CN-2026", .seed = 7});
//   const auto front = (*censor)->listen({.name = "front", .stands_for = {"203.0.113.10", 443}, .upstream = nginx});
//   ... connect to front->port() on 127.0.0.1 instead of 203.0.113.10:443 ...
//   co_await (*censor)->run();                    // until cancelled; every connection is joined then
//
// A place stands for an address that rules name; the client is always 10.9.0.1. DNS places are UDP: queries go to the
// upstream resolver, forged answers come first.
//
// What a relay cannot do, and what it does instead:
//   RST both ways       both sockets close with SO_LINGER 0: a real RST, after what the kernel had already taken
//   packets vanish      bytes are read and thrown away, or not passed on; the kernel on either side has acknowledged
//   them SYN vanishes        for what the rules drop from the start: a listener whose queue is full, so that SYNs go
//                       unanswered. For a residual state that comes later the connection
//                       is accepted and stays silent
//   RST on SYN          accepted, then reset at once
//   out of order, TTL   not seen; TCP reassembly cannot be switched off beyond single reads
//   throttling          delays, never drops
#pragma once

#include "net/async.hpp"
#include "tests/censor/engine.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace landfall::censor {

struct relay_options {
  std::string profile = "none"; ///< a compiled rule file: S02, CN-2026 ...
  definitions defined = {};     ///< blocked, allowed, foreign, fingerprints, pool, suspects ...
  std::uint64_t seed = 1;
  double time_scale = 1;                           ///< of residual states
  std::chrono::milliseconds round_trip{0};         ///< added to every connection and to each direction's first byte
  std::function<void(const event&)> on_event = {}; ///< called on the executor as it happens
};

enum class place_kind : std::uint8_t { tcp, dns };

struct relay_place {
  std::string name; ///< for people
  place_kind kind = place_kind::tcp;
  endpoint stands_for{};                   ///< where the client would connect; what rules see
  net::asio::ip::tcp::endpoint upstream{}; ///< where the bytes really go; for DNS its address and port are UDP's
  /// Where the client connects: an address of loopback, for those who tell places apart by their addresses.
  net::asio::ip::address_v4 entrance = net::asio::ip::address_v4::loopback();
};

class relay_censor {
public:
  /// Errors: malformed for an unknown profile or a bad definition.
  [[nodiscard]] static net::result<std::unique_ptr<relay_censor>> make(net::asio::any_io_executor executor,
                                                                       relay_options options);
  virtual ~relay_censor() = default;

  /// A port of `place.entrance` that leads to `place`. Before or while `run` runs. Errors: local_error.
  [[nodiscard]] virtual net::result<std::uint16_t> listen(relay_place place) = 0;
  /// Serves all places until cancelled; then every connection is closed and joined.
  [[nodiscard]] virtual net::awaitable<void> run() = 0;
  /// As engine::counters.
  [[nodiscard]] virtual boost::json::object counters() const = 0;
  /// The server was found out: nothing to or from it from now on.
  virtual void block(const address& server) = 0;

protected:
  relay_censor() = default;
};

} // namespace landfall::censor
