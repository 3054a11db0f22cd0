// evidence: what all lanes of a race together say about where we are, which none says alone. Pure.
//
// Offline: every lane ended without a route to anywhere, at once. A captive portal: a lane met its login page; or lanes
// to different hosts all ended at one and the same address with a certificate or an answer that is not theirs, or
// wherever they are in plain HTTP where TLS was asked for; or all names led to one private address or the gateway. In
// neither case is a route to blame, and nobody is penalised.
//
// One authentic list that is not replayed proves the network open, whatever the others met. An attacker in the network
// can feign both; he gains what he has anyway, that no route gets through, and loses that penalties and odds tell of
// it.
#pragma once

#include "fallback/lane.hpp"

#include <span>
#include <string_view>

namespace landfall::fallback {

enum class verdict : std::uint8_t { open, offline, captive_portal };

/// All lanes that end without a way out within this are one event; a censor's ICMP for each host is slower and mixed.
inline constexpr std::chrono::milliseconds at_once{1000};

/// `gateway`: our default gateway's address, where it is known. Lanes that were cancelled say nothing.
[[nodiscard]] verdict judge(std::span<const lane_report> lanes, std::string_view gateway);

} // namespace landfall::fallback
