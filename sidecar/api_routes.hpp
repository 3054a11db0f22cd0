// What a request to the local API asks for. Pure: method, target and body in; a call, or the error to answer, out.
//
// Everything is bounded before it is looked at: the target at 2 KiB, the body by the server (64 KiB), numbers by the
// limits of design §7. Unknown parameters are refused, so that a misspelt one is noticed; unknown members of a JSON
// body are ignored, so that a newer client can talk to an older sidecar.
#pragma once

#include "config/endpoint.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace landfall::sidecar {

inline constexpr std::size_t max_target = 2048;
inline constexpr int max_peers_asked = 32;
inline constexpr std::chrono::seconds max_wait{120};
inline constexpr std::int64_t max_rtt_ms = 3'600'000;

/// How old a list may be for its peers to count: fresh = tier A, valid = A and A-, any = all.
enum class freshness : std::uint8_t { any, valid, fresh };

/// GET /v1/peers
struct get_peers {
  int min = 8;
  int max = 16;
  std::chrono::seconds wait{30};
  sidecar::freshness freshness = freshness::any;
};

/// POST /v1/peers
struct add_peer {
  std::vector<config::endpoint> endpoints;
  std::optional<std::string> id;
};

/// POST /v1/peers/<id>/outcome: how the VPN's own handshake with the peer went.
struct report_outcome {
  std::string id;
  bool ok = false;
  std::optional<std::int64_t> rtt_ms;
};

struct get_status {};
struct get_events {};
struct get_explain {};
struct post_refresh {};
struct get_metrics {};
struct get_health {};

using api_call = std::variant<get_peers, add_peer, report_outcome, get_status, get_events, get_explain, post_refresh,
                              get_metrics, get_health>;

/// An error as it is answered. `name` is one of bad_request, not_found, too_large, forbidden, no_peers, busy.
struct api_error {
  unsigned status = 400;
  std::string name, message, hint;
};

/// The call, or the error. `target` is in origin form ("/v1/peers?min=8").
[[nodiscard]] std::variant<api_call, api_error> parse_call(std::string_view method, std::string_view target,
                                                           std::string_view body);

} // namespace landfall::sidecar
