// Endpoints and addresses as text: "tcp://198.51.100.1:443", "udp://[2001:db8::1]:443". Pure; look-ups are never made.
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace landfall::config {

/// An IP address as bytes; IPv4 as the first 4 of 16, the rest zero. IPv4-mapped IPv6 (::ffff:a.b.c.d) is read as IPv4,
/// so that one address has one form.
struct ip_address {
  std::array<std::uint8_t, 16> bytes{};
  bool v6 = false;
  [[nodiscard]] static base::result<ip_address> parse(std::string_view text); ///< no scope ids, no brackets
  [[nodiscard]] std::string to_string() const;
  /// False for loopback, private, link-local, multicast, unspecified, benchmark, and IPv4 of these embedded in NAT64
  /// and 6to4: nothing that a document of a public network may name (RFC 6890, RFC 8190). Documentation ranges
  /// (RFC 5737, RFC 3849) count as global: examples and tests use them, and nothing answers there.
  [[nodiscard]] bool is_global() const noexcept;
  friend bool operator==(const ip_address&, const ip_address&) = default;
};

/// ADDRESS[:PORT] as people write it: "192.0.2.1", "192.0.2.1:53", "[2001:db8::1]", "[2001:db8::1]:53".
struct address_and_port {
  ip_address address;
  std::optional<std::uint16_t> port; ///< never 0
  [[nodiscard]] static base::result<address_and_port> parse(std::string_view text);
  friend bool operator==(const address_and_port&, const address_and_port&) = default;
};

/// 1 to 65535, without sign or leading zeros.
[[nodiscard]] std::optional<std::uint16_t> parse_port(std::string_view text);

enum class transport : std::uint8_t { tcp, udp };

/// Where a peer listens.
struct endpoint {
  config::transport transport = transport::tcp;
  ip_address address;
  std::uint16_t port = 0; ///< never 0
  [[nodiscard]] static base::result<endpoint>
  parse(std::string_view text); ///< addresses only, never names; <= 512 bytes
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const endpoint&, const endpoint&) = default;
};

} // namespace landfall::config
