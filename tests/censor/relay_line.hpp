// What relays share: the engine, the time since the start, events handed on. Internal to landfall_censor_relay.
#pragma once

#include "net/scope.hpp"
#include "tests/censor/relay.hpp"

namespace landfall::censor::detail {

class relay_mind {
public:
  relay_mind(rule_set rules, const relay_options& options)
      : engine_(std::move(rules), {.seed = options.seed, .time_scale = options.time_scale, .lossless = true}),
        half_way_(options.round_trip / 2), on_event_(options.on_event) {}

  [[nodiscard]] decision decide(const observation& seen) {
    auto out = engine_.decide(seen, now());
    for (const auto& one : engine_.take_events())
      if (on_event_) on_event_(one);
    return out;
  }
  [[nodiscard]] nanoseconds now() const { return std::chrono::steady_clock::now() - begun_; }
  [[nodiscard]] nanoseconds half_way() const noexcept { return half_way_; }
  [[nodiscard]] engine& mind() noexcept { return engine_; }
  [[nodiscard]] const engine& mind() const noexcept { return engine_; }
  /// Every client is one host; the port tells its connections apart.
  [[nodiscard]] static endpoint client(std::uint16_t port) { return {address::from_v4({"\x0a\x09\x00\x01", 4}), port}; }

private:
  engine engine_;
  base::steady_time begun_ = std::chrono::steady_clock::now();
  nanoseconds half_way_;
  std::function<void(const event&)> on_event_;
};

/// Answers of one UDP place until cancelled.
net::awaitable<void> serve_dns(net::asio::ip::udp::socket& entrance, relay_place place, relay_mind& mind);

/// One TCP connection to its end.
net::awaitable<void> serve_stream(net::asio::ip::tcp::socket client, relay_place place, relay_mind& mind);

} // namespace landfall::censor::detail
