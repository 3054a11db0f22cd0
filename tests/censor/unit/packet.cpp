#include "tests/censor/packet.hpp"

#include "base/encoding.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace landfall::censor;

namespace {
endpoint at(std::string_view host, std::uint16_t port) { return {address::parse(host).value(), port}; }
std::string bytes(std::string_view hex) { return base::from_hex(hex).value(); }
} // namespace

TEST_CASE("packets are what was built, with checksums that hold") {
  struct row {
    const char *name, *from, *to;
    transport over;
    std::string payload;
  };
  const row rows[] = {
      {"IPv4 TCP", "192.0.2.1", "203.0.113.7", transport::tcp, "hello"},
      {"IPv4 TCP without payload", "192.0.2.1", "203.0.113.7", transport::tcp, ""},
      {"IPv4 UDP, odd length", "10.9.0.1", "10.9.0.53", transport::udp, "abc"},
      {"IPv6 TCP", "2001:db8::1", "2001:db8::2", transport::tcp, std::string(1400, 'x')},
      {"IPv6 UDP", "2001:db8::1", "2001:db8::2", transport::udp, "q"},
  };
  for (const auto& row : rows) {
    INFO(std::string(row.name));
    packet made{
        .from = at(row.from, 40000), .to = at(row.to, 443), .protocol = row.over, .ttl = 57, .payload = row.payload};
    if (row.over == transport::tcp) made.seq = 0xfffffff0, made.ack = 7, made.flags = tcp_psh | tcp_ack;
    const auto wire = build_packet(made);
    CHECK(checksums_hold(wire));
    const auto padded = wire + "padding";
    const auto seen = parse_packet(padded);
    REQUIRE(seen);
    CHECK(seen->from == made.from);
    CHECK(seen->to == made.to);
    CHECK(seen->ttl == 57);
    CHECK(seen->payload == row.payload);
    CHECK((seen->protocol == row.over && seen->seq == made.seq && seen->ack == made.ack && seen->flags == made.flags));
    for (std::size_t size = 0; size < wire.size(); ++size)
      CHECK_FALSE(parse_packet(std::string_view(wire).substr(0, size)));
    auto spoiled = wire;
    spoiled.back() = static_cast<char>(spoiled.back() + 1);
    CHECK_FALSE(checksums_hold(spoiled));
  }
}

TEST_CASE("the checksum is RFC 1071's") {
  CHECK(checksum(bytes("45000073000040004011b861c0a80001c0a800c7")) == 0);
  CHECK(checksum(bytes("450000730000400040110000c0a80001c0a800c7")) == 0xb861);
}

TEST_CASE("what is not understood is no packet") {
  const auto whole = build_packet({.from = at("10.0.0.1", 1), .to = at("10.0.0.2", 2), .payload = "abcdef"});
  const auto changed = [&whole](std::size_t where, char to) {
    auto out = whole;
    out[where] = to;
    return out;
  };
  CHECK(parse_packet(whole));
  CHECK_FALSE(parse_packet(changed(0, '\x55')));  // version 5
  CHECK_FALSE(parse_packet(changed(0, '\x44')));  // a header of 16 bytes
  CHECK_FALSE(parse_packet(changed(6, '\x20')));  // more fragments
  CHECK_FALSE(parse_packet(changed(7, '\x01')));  // a later fragment
  CHECK_FALSE(parse_packet(changed(9, '\x01')));  // ICMP
  CHECK_FALSE(parse_packet(changed(32, '\x40'))); // a TCP header of 16 bytes
  CHECK_FALSE(parse_packet(changed(32, '\xf0'))); // longer than the packet
}

TEST_CASE("IPv6 extension headers are passed over, a few of them") {
  const auto plain = build_packet({.from = at("2001:db8::1", 1), .to = at("2001:db8::2", 2), .payload = "abc"});
  const auto with = [&plain](int count) {
    auto out = plain;
    for (int n = 0; n < count; ++n) out.insert(40, std::string(1, n == 0 ? '\x06' : '\x3c') + std::string(7, '\0'));
    if (count > 0) out[6] = '\x3c';
    out[5] = static_cast<char>(out[5] + 8 * count);
    return out;
  };
  for (int count = 0; count < 7; ++count) {
    const auto extended = with(count);
    const auto seen = parse_packet(extended);
    CAPTURE(count);
    CHECK(seen.has_value() == (count <= 4));
    if (seen) CHECK(seen->payload == "abc");
  }
}

TEST_CASE("prefixes") {
  struct row {
    const char *prefix, *address;
    bool holds;
  };
  const row rows[] = {{"10.9.0.0/24", "10.9.0.255", true},
                      {"10.9.0.0/24", "10.9.1.0", false},
                      {"10.9.0.10", "10.9.0.10", true},
                      {"10.9.0.10", "10.9.0.11", false},
                      {"0.0.0.0/0", "203.0.113.1", true},
                      {"0.0.0.0/0", "2001:db8::1", false},
                      {"2001:db8::/33", "2001:db8:7fff::", true},
                      {"2001:db8::/33", "2001:db8:8000::", false},
                      {"::/0", "192.0.2.1", false}};
  for (const auto& row : rows) {
    INFO(std::string(row.prefix));
    INFO(std::string(row.address));
    CHECK(prefix::parse(row.prefix).value().holds(address::parse(row.address).value()) == row.holds);
  }
  for (const char* bad : {"10.9.0.0/33", "10.9.0.0/", "10.9.0/24", "::/129", "x", "", "10.9.0.0/2a"})
    CHECK_FALSE(prefix::parse(bad));
}
