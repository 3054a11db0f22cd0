#include "tests/censor/packet.hpp"

#include "base/cursor.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace landfall::censor {

namespace {

constexpr std::string_view mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
constexpr std::size_t ipv4_header = 20, tcp_header = 20, udp_header = 8;
constexpr unsigned v4_bits = 96; // of the mapped form, before the IPv4 address

std::string_view view(const std::array<std::uint8_t, 16>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

address from_v6(std::string_view sixteen) {
  address out;
  std::ranges::copy(sixteen, out.bytes.begin());
  return out;
}

void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

void put32(std::string& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

void set16(std::string& out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<char>(value >> 8);
  out[at + 1] = static_cast<char>(value & 0xff);
}

std::uint32_t sum(std::string_view bytes, std::uint32_t total) noexcept {
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    const auto high = static_cast<unsigned char>(bytes[at]);
    const auto low = at + 1 < bytes.size() ? static_cast<unsigned char>(bytes[at + 1]) : 0;
    total += static_cast<std::uint32_t>(high << 8 | low);
    total = (total & 0xffff) + (total >> 16);
  }
  return total;
}

std::uint32_t pseudo_header(const address& from, const address& to, transport protocol, std::size_t size) {
  return sum(from.wire(), sum(to.wire(), 0)) + static_cast<std::uint32_t>(protocol) + static_cast<std::uint32_t>(size);
}

struct ip_header {
  address from, to;
  std::uint8_t ttl = 0, protocol = 0;
  std::string_view body, header;
};

std::optional<ip_header> take_v4(std::string_view bytes) {
  base::cursor in(bytes);
  const std::size_t length = (in.take_u8() & 0x0fU) * 4;
  (void)in.take_u8();
  const std::size_t total = in.take_u16();
  (void)in.take_u16();
  const auto fragment = in.take_u16();
  ip_header out;
  out.ttl = in.take_u8();
  out.protocol = in.take_u8();
  (void)in.take_u16();
  out.from = address::from_v4(in.take(4));
  out.to = address::from_v4(in.take(4));
  constexpr unsigned offset_or_more = 0x3fff;
  if (in.failed() || length < ipv4_header || total < length || total > bytes.size()) return std::nullopt;
  if ((fragment & offset_or_more) != 0) return std::nullopt;
  out.header = bytes.substr(0, length);
  out.body = bytes.substr(length, total - length);
  return out;
}

std::optional<ip_header> take_v6(std::string_view bytes) {
  base::cursor in(bytes);
  (void)in.take_u32();
  const std::size_t length = in.take_u16();
  ip_header out;
  out.protocol = in.take_u8();
  out.ttl = in.take_u8();
  const auto from = in.take(16), to = in.take(16);
  auto body = in.take(length);
  if (in.failed()) return std::nullopt;
  out.from = from_v6(from);
  out.to = from_v6(to);
  // A mapped address stands for IPv4 in our table; in an IPv6 header it is nobody's (RFC 4291 §2.5.5.2), and an answer
  // to it would be of two families.
  if (out.from.is_v4() || out.to.is_v4()) return std::nullopt;
  constexpr int most_extensions = 4;
  for (int seen = 0; out.protocol == 0 || out.protocol == 43 || out.protocol == 60; ++seen) {
    base::cursor extension(body);
    out.protocol = extension.take_u8();
    const std::size_t size = (extension.take_u8() + 1U) * 8;
    if (extension.failed() || size > body.size() || seen == most_extensions) return std::nullopt;
    body.remove_prefix(size);
  }
  out.body = body;
  return out;
}

std::optional<ip_header> take_ip(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  const auto version = static_cast<unsigned char>(bytes[0]) >> 4;
  if (version == 4) return take_v4(bytes);
  if (version == 6) return take_v6(bytes);
  return std::nullopt;
}

std::string ip_header_for(const packet& what, std::size_t body) {
  std::string out;
  if (what.from.host.is_v4()) {
    out = std::string("\x45\x00", 2);
    put16(out, ipv4_header + body);
    put32(out, 0x4000); // do not fragment, identification 0
    out += static_cast<char>(what.ttl);
    out += static_cast<char>(what.protocol);
    put16(out, 0);
    out += what.from.host.wire();
    out += what.to.host.wire();
    set16(out, 10, checksum(out));
    return out;
  }
  put32(out, 0x60000000);
  put16(out, body);
  out += static_cast<char>(what.protocol);
  out += static_cast<char>(what.ttl);
  out += what.from.host.wire();
  out += what.to.host.wire();
  return out;
}

} // namespace

std::optional<address> address::parse(std::string_view text) {
  const std::string terminated(text);
  std::array<char, 16> raw{};
  if (::inet_pton(AF_INET, terminated.c_str(), raw.data()) == 1) return from_v4({raw.data(), 4});
  if (::inet_pton(AF_INET6, terminated.c_str(), raw.data()) == 1) return from_v6({raw.data(), 16});
  return std::nullopt;
}

address address::from_v4(std::string_view four_bytes) noexcept {
  address out;
  std::ranges::copy(mapped, out.bytes.begin());
  std::ranges::copy(four_bytes.substr(0, 4), out.bytes.begin() + 12);
  return out;
}

bool address::is_v4() const noexcept { return view(bytes).starts_with(mapped); }

std::string_view address::wire() const noexcept { return is_v4() ? view(bytes).substr(12) : view(bytes); }

std::string address::text() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  ::inet_ntop(is_v4() ? AF_INET : AF_INET6, wire().data(), out.data(), out.size());
  return out.data();
}

std::string endpoint::text() const {
  return host.is_v4() ? fmt::format("{}:{}", host.text(), port) : fmt::format("[{}]:{}", host.text(), port);
}

std::optional<prefix> prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = address::parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  if (slash == std::string_view::npos) return prefix{*base, 128};
  base::cursor in(text.substr(slash + 1));
  const unsigned widest = base->is_v4() ? 32 : 128;
  const auto bits = static_cast<unsigned>(in.take_decimal(widest));
  if (in.failed() || !in.at_end()) return std::nullopt;
  return prefix{*base, base->is_v4() ? v4_bits + bits : bits};
}

bool prefix::holds(const address& what) const noexcept {
  if (base.is_v4() != what.is_v4()) return false; // ::/0 is not meant to hold IPv4
  for (unsigned bit = 0; bit < bits; bit += 8) {
    const unsigned kept = std::min(8U, bits - bit);
    const auto mask = static_cast<std::uint8_t>(0xff00U >> kept);
    if (((base.bytes[bit / 8] ^ what.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

std::optional<packet> parse_packet(std::string_view bytes) {
  const auto ip = take_ip(bytes);
  if (!ip) return std::nullopt;
  packet out;
  out.ttl = ip->ttl;
  base::cursor in(ip->body);
  out.from = {ip->from, in.take_u16()};
  out.to = {ip->to, in.take_u16()};
  std::size_t header = udp_header, end = ip->body.size();
  if (ip->protocol == static_cast<std::uint8_t>(transport::udp)) {
    out.protocol = transport::udp;
    end = in.take_u16();
    (void)in.take_u16();
  } else if (ip->protocol == static_cast<std::uint8_t>(transport::tcp)) {
    out.seq = in.take_u32();
    out.ack = in.take_u32();
    header = (in.take_u8() >> 4) * std::size_t{4};
    out.flags = in.take_u8();
    (void)in.take(6);
    if (header < tcp_header) return std::nullopt;
  } else {
    return std::nullopt;
  }
  if (in.failed() || header > end || end > ip->body.size()) return std::nullopt;
  out.payload = ip->body.substr(header, end - header);
  return out;
}

std::string build_packet(const packet& what) {
  std::string body;
  put16(body, what.from.port);
  put16(body, what.to.port);
  std::size_t checksum_at = 6;
  if (what.protocol == transport::udp) {
    put16(body, udp_header + what.payload.size());
    put16(body, 0);
  } else {
    put32(body, what.seq);
    put32(body, what.ack);
    body += '\x50';
    body += static_cast<char>(what.flags);
    put16(body, (what.flags & tcp_rst) != 0 ? 0 : 0xffff);
    put32(body, 0);
    checksum_at = 16;
  }
  body += what.payload;
  auto folded = checksum(body, pseudo_header(what.from.host, what.to.host, what.protocol, body.size()));
  if (folded == 0 && what.protocol == transport::udp) folded = 0xffff; // RFC 768: 0 means that there is none
  set16(body, checksum_at, folded);
  return ip_header_for(what, body.size()) + body;
}

std::uint16_t checksum(std::string_view bytes, std::uint32_t initial) noexcept {
  auto total = sum(bytes, initial);
  total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(~total & 0xffff);
}

bool checksums_hold(std::string_view bytes) {
  const auto ip = take_ip(bytes);
  if (!ip || !parse_packet(bytes) || checksum(ip->header) != (ip->header.empty() ? 0xffff : 0)) return false;
  return checksum(ip->body, pseudo_header(ip->from, ip->to, transport{ip->protocol}, ip->body.size())) == 0;
}

} // namespace landfall::censor
