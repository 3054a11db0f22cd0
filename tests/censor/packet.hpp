// IP packets as the censor on the wire sees and forges them. Pure: bytes in, values out; no socket.
//
// A view refers to the bytes that it was parsed from. Only TCP and UDP over IPv4 and IPv6 are taken apart. What is not
// (ARP, ICMP, later IP fragments, unusual extension headers) is nobody's business and goes through, as with real
// middleboxes: a censor that stops on what it does not understand breaks the network it guards.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace landfall::censor {

/// An IPv4 address is kept as its mapped form ::ffff:a.b.c.d, so that one table holds both families.
struct address {
  std::array<std::uint8_t, 16> bytes{};

  /// "192.0.2.1" or "2001:db8::1"; nothing for anything else.
  [[nodiscard]] static std::optional<address> parse(std::string_view text);
  [[nodiscard]] static address from_v4(std::string_view four_bytes) noexcept;
  [[nodiscard]] bool is_v4() const noexcept;
  /// The 4 or 16 bytes that go into a packet.
  [[nodiscard]] std::string_view wire() const noexcept;
  [[nodiscard]] std::string text() const;
  friend auto operator<=>(const address&, const address&) = default;
};

struct endpoint {
  address host;
  std::uint16_t port = 0;
  [[nodiscard]] std::string text() const; ///< "192.0.2.1:443", "[2001:db8::1]:443"
  friend auto operator<=>(const endpoint&, const endpoint&) = default;
};

/// A range of addresses, "10.9.0.0/24" or one address.
struct prefix {
  address base;
  unsigned bits = 128; ///< of the mapped form: 96 + n for IPv4
  [[nodiscard]] static std::optional<prefix> parse(std::string_view text);
  [[nodiscard]] bool holds(const address& what) const noexcept;
};

enum class transport : std::uint8_t { tcp = 6, udp = 17 };

inline constexpr std::uint8_t tcp_fin = 0x01, tcp_syn = 0x02, tcp_rst = 0x04, tcp_psh = 0x08, tcp_ack = 0x10;

struct packet {
  endpoint from, to;
  transport protocol = transport::tcp;
  std::uint8_t ttl = 64;
  std::uint32_t seq = 0, ack = 0; ///< TCP only, as flags
  std::uint8_t flags = 0;
  std::string_view payload{};
};

/// `bytes` begin at the IP header; what follows the packet's own length (Ethernet padding) is ignored.
[[nodiscard]] std::optional<packet> parse_packet(std::string_view bytes);

/// With correct checksums. Both addresses must be of one family. A TCP header has no options; its window is 0 for RST.
[[nodiscard]] std::string build_packet(const packet& what);

/// RFC 1071, for tests: over a correct header with its checksum it is 0.
[[nodiscard]] std::uint16_t checksum(std::string_view bytes, std::uint32_t initial = 0) noexcept;

/// True when all checksums of a packet that `parse_packet` takes are right.
[[nodiscard]] bool checksums_hold(std::string_view bytes);

} // namespace landfall::censor
