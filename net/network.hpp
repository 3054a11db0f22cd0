// network: which network this machine is on, whether it is on one at all, and when that changes.
//
// A network is known by its default gateway: the hardware address that answers for it, the gateway's own address, and
// the interface that leads there; IPv4 before IPv6, whose gateway is link-local and often the same everywhere. All of
// it identifies a place: it has no formatter, and reaches a disk only as a keyed hash (fallback/keyed.hpp). The
// neighbour entry may be missing just after a start: the network then is known by less, as the same one again at the
// next start.
//
// Offline means: no interface with a carrier has a default route. Halves of one (0.0.0.0/1 and 128.0.0.0/1, 2000::/3)
// count as one: VPNs set those. What a default route leads to is for lanes to find out (fallback/evidence.hpp).
//
// netlink_picture is pure; system_network reads and listens on netlink (rtnetlink(7)) and sends nothing to the network.
// The only file that knows Linux's way of telling; elsewhere `known` stays false, and nobody is thought offline.
#pragma once

#include "net/async.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::net {

struct network_state {
  bool known = false; ///< false: it could not be read; then online is assumed
  bool online = true;
  std::string interface{};        ///< "wlan0"
  std::uint16_t type = 0;         ///< of the interface, ARPHRD_*
  std::string gateway{};          ///< address as text; empty on point-to-point links
  std::string hardware_address{}; ///< of the gateway, as bytes; empty: not known (yet)

  /// Bytes that are equal for equal networks; empty when it is not known.
  [[nodiscard]] std::string identity() const;
  friend bool operator==(const network_state&, const network_state&) = default;
};

/// The same network, though more or less may be known of it now. Two that are offline are the same.
[[nodiscard]] bool same_network(const network_state& before, const network_state& now);

/// What the kernel told about links, routes and neighbours. Takes any bytes; what it cannot read it leaves out.
class netlink_picture {
public:
  static constexpr std::size_t max_entries = 1024; ///< of each; a router with more routes than that has a default first

  /// One datagram: messages one after the other. True while the dump goes on: neither done nor an error was in it.
  bool take(std::string_view datagram);
  /// `only` an interface, as [sidecar] interface says; empty: any.
  [[nodiscard]] network_state judge(std::string_view only) const;

private:
  struct link {
    std::uint32_t index = 0;
    std::uint16_t type = 0;
    bool carrier = false;
    std::string name;
  };
  struct route {
    std::uint32_t link = 0, priority = 0, table = 0;
    std::string gateway; ///< bytes
    bool v6 = false;
    bool half = false; ///< of a default route
  };
  struct neighbour {
    std::uint32_t link = 0;
    std::string address, hardware_address;
  };
  void take_link(std::string_view body);
  void take_route(std::string_view body);
  void take_neighbour(std::string_view body);
  [[nodiscard]] const link* link_of(std::uint32_t index) const;
  [[nodiscard]] const route* best_route(std::string_view only) const;

  std::vector<link> links_;
  std::vector<route> routes_;
  std::vector<neighbour> neighbours_;
};

/// Where the machine is. One of these is the system's; tests have their own.
struct network_source {
  virtual ~network_source() = default;
  /// Asks the kernel; well below a millisecond.
  [[nodiscard]] virtual network_state look() = 0;
  /// Until something about links, routes or addresses may have changed: look again then. Fails with cancelled, or with
  /// local_error when the kernel tells nothing (any more).
  [[nodiscard]] virtual awaitable<result<void>> changed() = 0;
  /// How long the machine has slept since it was started: grows by what its steady clock did not see.
  [[nodiscard]] virtual std::chrono::nanoseconds slept() const = 0;
};

/// `only` as above. Opens its sockets when first asked.
[[nodiscard]] std::unique_ptr<network_source> system_network(asio::any_io_executor executor, std::string only);

} // namespace landfall::net
