#include "config/endpoint.hpp"

#include "base/cursor.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>

#include <algorithm>
#include <span>

namespace landfall::config {

namespace {

using base::fail;
using base::outcome;

constexpr std::size_t max_endpoint_text = 512;

struct prefix {
  std::array<std::uint8_t, 4> bytes;
  int bits;
};

// IANA's special-purpose registry (RFC 6890 and what followed), without the documentation ranges.
constexpr prefix not_global_v4[] = {
    {{0, 0, 0, 0}, 8},      // this host
    {{10, 0, 0, 0}, 8},     // private
    {{100, 64, 0, 0}, 10},  // shared by carrier-grade NAT
    {{127, 0, 0, 0}, 8},    // loopback
    {{169, 254, 0, 0}, 16}, // link-local
    {{172, 16, 0, 0}, 12},  // private
    {{192, 0, 0, 0}, 24},   // protocol assignments
    {{192, 88, 99, 0}, 24}, // 6to4 relays, deprecated
    {{192, 168, 0, 0}, 16}, // private
    {{198, 18, 0, 0}, 15},  // benchmarks
    {{224, 0, 0, 0}, 4},    // multicast
    {{240, 0, 0, 0}, 4},    // reserved, and limited broadcast
};

bool has_prefix(std::span<const std::uint8_t> address, std::span<const std::uint8_t> wanted, int bits) noexcept {
  for (std::size_t i = 0; bits > 0; ++i, bits -= 8) {
    const int unused = bits >= 8 ? 0 : 8 - bits;
    if ((address[i] >> unused) != (wanted[i] >> unused)) return false;
  }
  return true;
}

bool global_v4(std::span<const std::uint8_t> address) noexcept {
  return std::none_of(std::begin(not_global_v4), std::end(not_global_v4),
                      [&](const prefix& p) { return has_prefix(address, p.bytes, p.bits); });
}

bool global_v6(std::span<const std::uint8_t> address) noexcept {
  static constexpr std::array<std::uint8_t, 12> nat64{0x00, 0x64, 0xff, 0x9b};
  static constexpr std::array<std::uint8_t, 1> unicast{0x20};
  static constexpr std::array<std::uint8_t, 2> six_to_four{0x20, 0x02};
  static constexpr std::array<std::uint8_t, 3> assignments{0x20, 0x01, 0x00}; // Teredo, ORCHID, benchmarks
  if (has_prefix(address, nat64, 96)) return global_v4(address.subspan(12));
  if (!has_prefix(address, unicast, 3)) return false; // only 2000::/3 is handed out
  if (has_prefix(address, six_to_four, 16)) return global_v4(address.subspan(2));
  return !has_prefix(address, assignments, 23);
}

} // namespace

std::optional<std::uint16_t> parse_port(std::string_view text) {
  base::cursor at(text);
  const auto port = at.take_decimal(65535);
  if (at.failed() || !at.at_end() || port == 0) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

base::result<ip_address> ip_address::parse(std::string_view text) {
  // inet_pton stops at a NUL, and no address is longer than INET6_ADDRSTRLEN.
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos)
    return fail(outcome::malformed, "not an IP address");
  const std::string terminated(text);
  ip_address out;
  if (inet_pton(AF_INET, terminated.c_str(), out.bytes.data()) == 1) return out;
  if (inet_pton(AF_INET6, terminated.c_str(), out.bytes.data()) != 1)
    return fail(outcome::malformed, "not an IP address");
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(mapped.begin(), mapped.end(), out.bytes.begin())) {
    std::copy(out.bytes.begin() + 12, out.bytes.end(), out.bytes.begin());
    std::fill(out.bytes.begin() + 4, out.bytes.end(), std::uint8_t{0});
  } else {
    out.v6 = true;
  }
  return out;
}

std::string ip_address::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  return text;
}

bool ip_address::is_global() const noexcept { return v6 ? global_v6(bytes) : global_v4(bytes); }

base::result<address_and_port> address_and_port::parse(std::string_view text) {
  address_and_port out;
  std::string_view address = text;
  std::optional<std::string_view> port;
  const bool brackets = text.starts_with('[');
  if (brackets) {
    const auto end = text.find(']');
    if (end == text.npos) return fail(outcome::malformed, "']' is missing");
    address = text.substr(1, end - 1);
    const auto rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return fail(outcome::malformed, "only :PORT may follow ']'");
    if (!rest.empty()) port = rest.substr(1);
  } else if (const auto colon = text.find(':'); colon != text.npos) {
    address = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port->find(':') != port->npos) return fail(outcome::malformed, "write IPv6 addresses in brackets");
  }
  auto parsed = ip_address::parse(address);
  if (!parsed) return parsed.error();
  if (brackets && address.find(':') == address.npos) return fail(outcome::malformed, "brackets are for IPv6");
  out.address = *parsed;
  if (port) {
    out.port = parse_port(*port);
    if (!out.port) return fail(outcome::malformed, "the port is not a number from 1 to 65535");
  }
  return out;
}

base::result<endpoint> endpoint::parse(std::string_view text) {
  if (text.size() > max_endpoint_text) return fail(outcome::too_large, "an endpoint is longer than 512 bytes");
  endpoint out;
  base::cursor at(text);
  if (at.skip("udp://"))
    out.transport = transport::udp;
  else if (!at.skip("tcp://"))
    return fail(outcome::malformed, "an endpoint starts with tcp:// or udp://");
  auto where = address_and_port::parse(at.rest());
  if (!where) return fail(outcome::malformed, "endpoint: " + where.error().detail);
  if (!where->port) return fail(outcome::malformed, "endpoint: the port is missing");
  out.address = where->address;
  out.port = *where->port;
  return out;
}

std::string endpoint::to_string() const {
  return fmt::format(fmt::runtime(address.v6 ? "{}://[{}]:{}" : "{}://{}:{}"),
                     transport == transport::udp ? "udp" : "tcp", address.to_string(), port);
}

} // namespace landfall::config
