// keyed: names for what the network memory remembers, without what they name.
//
// Whoever takes the disk must not read from it where its owner has been, nor which servers were tried. So every
// network, route, address and front is a keyed hash: HMAC-SHA-256 under 32 random bytes of the state folder, cut to 128
// bits. Everything but a network and a route everywhere is hashed together with its network, so that equal things on
// two networks have two names. Whoever has the key too can try guesses: see docs/THREATS.md.
#pragma once

#include "base/place.hpp"
#include "base/sensitive.hpp"
#include "fallback/route.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace landfall::fallback {

inline constexpr std::size_t memory_secret_size = 32;

struct memory_key {
  std::array<std::uint8_t, 16> bytes{};
  [[nodiscard]] std::string hex() const;
  [[nodiscard]] static std::optional<memory_key> from_hex(std::string_view text);
  friend auto operator<=>(const memory_key&, const memory_key&) = default;
};

/// Which network we are in. A value of its own for "unknown" too: it is remembered like every other.
using network_id = memory_key;

class keyer {
public:
  explicit keyer(base::secret key) : key_(std::move(key)) {}

  /// `identity`: what net::network_state tells of itself; empty where it is unknown.
  [[nodiscard]] network_id network(std::string_view identity) const;
  /// A route is its name, kind, group and known places: one that was configured anew is another route.
  [[nodiscard]] memory_key route(const network_id& where, const fallback::route& what) const;
  [[nodiscard]] memory_key route_everywhere(const fallback::route& what) const;
  [[nodiscard]] memory_key address(const network_id& where, const base::place& what) const;
  [[nodiscard]] memory_key address_and_port(const network_id& where, const base::place& what) const;
  [[nodiscard]] memory_key front(const network_id& where, const base::place& what) const;

private:
  [[nodiscard]] memory_key hash(std::string text) const;
  base::secret key_;
};

} // namespace landfall::fallback
