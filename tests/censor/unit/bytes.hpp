// What the censor's tests share: a connection as packets, without a network.
#pragma once

#include "tests/censor/packet_censor.hpp"

#include <doctest/doctest.h>

#include <string>

namespace landfall::censor::testing {

using namespace std::chrono_literals;

inline endpoint at(std::string_view host, std::uint16_t port) { return {address::parse(host).value(), port}; }

inline rule_set compiled(std::string_view name, const definitions& defined = {}) {
  auto parsed = parse_rules(name, compiled_rules, defined);
  REQUIRE_MESSAGE(parsed.has_value(), base::to_string(parsed.has_error() ? parsed.error() : base::failure()));
  return std::move(*parsed);
}
inline rule_set from_text(std::string text) {
  auto parsed = parse_rules("text", [&](std::string_view) { return std::optional(text); });
  REQUIRE_MESSAGE(parsed.has_value(), base::to_string(parsed.has_error() ? parsed.error() : base::failure()));
  return std::move(*parsed);
}

/// A client, a server and the censor between them. Sequence numbers are kept for both sides.
class line {
public:
  line(rule_set rules, engine_options options = {}) : censor(std::move(rules), options) {}

  packet_censor censor;
  endpoint client = at("10.9.0.1", 40000), server = at("10.9.0.10", 443);
  nanoseconds now{0};

  verdict syn() {
    up_ = 1000, down_ = 5000;
    return send(true, tcp_syn, {});
  }
  verdict syn_ack() { return send(false, tcp_syn | tcp_ack, {}); }
  verdict ack() { return send(true, tcp_ack, {}); }
  verdict up(std::string_view bytes) { return send(true, tcp_ack | tcp_psh, bytes); }
  verdict down(std::string_view bytes) { return send(false, tcp_ack | tcp_psh, bytes); }
  /// A segment out of order: `offset` bytes after the next one; the next one stays where it is.
  verdict up_ahead(std::uint32_t offset, std::string_view bytes) {
    const auto kept = up_;
    up_ += offset;
    auto out = up(bytes);
    up_ = kept;
    return out;
  }
  verdict datagram(std::string_view bytes, std::uint16_t port = 53) {
    const packet sent{.from = client, .to = {server.host, port}, .protocol = transport::udp, .payload = bytes};
    return censor.judge(build_packet(sent), true, now);
  }
  /// SYN, SYN/ACK, ACK on a port of its own; true when all three passed untouched.
  bool connect() {
    ++client.port;
    for (const auto& one : {syn(), syn_ack(), ack()})
      if (!one.forward || !one.injected.empty()) return false;
    return true;
  }
  std::uint64_t count(std::string_view rule, std::string_view what) {
    return censor.mind().counters().at("rules").at(rule).at(what).to_number<std::uint64_t>();
  }

private:
  verdict send(bool is_up, std::uint8_t flags, std::string_view bytes) {
    auto& seq = is_up ? up_ : down_;
    const packet sent{.from = is_up ? client : server,
                      .to = is_up ? server : client,
                      .seq = seq,
                      .ack = (flags & tcp_ack) != 0 ? (is_up ? down_ : up_) : 0,
                      .flags = flags,
                      .payload = bytes};
    seq += static_cast<std::uint32_t>(bytes.size()) + ((flags & tcp_syn) != 0 ? 1 : 0);
    return censor.judge(build_packet(sent), is_up, now);
  }
  std::uint32_t up_ = 1000, down_ = 5000;
};

} // namespace landfall::censor::testing
