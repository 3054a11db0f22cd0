// How an attempt ends, as a closed set of classes, and what each class means for the next attempt.
//
// Failures are classes, not strings: every layer maps what it sees onto one of these, `policy_of` says what to do about
// it, and nothing above knows more about errors than that. The names are stable: `--json`, events, metrics and the
// network memory all print `name(outcome)`.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace landfall::base {

/// One word for how a lane, a document check or a request ended.
enum class outcome : std::uint8_t {
  // The good ones.
  won,                ///< the first verified tier A list of the race
  verified_same,      ///< authentic, and byte for byte what we hold
  verified_but_older, ///< authentic, below what is stored, its own fresh_until not passed: a lagging cache
  not_modified,       ///< the server says that we hold it; proves reachability, never freshness
  // Ended by us.
  cancelled, ///< by us: another lane won, or shutdown; never a time-out
  timed_out, ///< a deadline of ours passed; `failure::at` names the stage
  // The network.
  dns_poisoned,
  refused,             ///< RST to SYN, or an ICMP port unreachable
  unreachable,         ///< no route, or the name does not exist
  reset_before_hello,  ///< RST after the connection stood, before our first bytes
  reset_after_hello,   ///< RST after our ClientHello: an SNI or fingerprint filter
  stalled_after_hello, ///< connected, then silence after the ClientHello
  stalled_after_bytes, ///< some bytes came, then silence: a byte-count filter
  tls_certificate,     ///< chain, name or pin is wrong
  clock_suspect,       ///< the certificate is right but for its dates
  front_refused,       ///< a front answered 403, 421 or its own page
  http_status,         ///< any other status than 200, 206, 304
  captive_portal,
  bridge_silent,
  bridge_bad_auth,
  proxy_failed,
  tor_bootstrap,
  // The document.
  below_threshold, ///< forged or tampered: fewer valid distinct keys than the threshold
  bad_root,
  root_needed, ///< a newer root than ours is needed to judge this list
  rolled_back,
  expired,
  wrong_network,
  wrong_channel,
  equivocation, ///< same version, other bytes: the publisher, or its keys, said two things
  too_large,
  malformed,
  // The machine.
  offline,
  local_error, ///< our own machine: disk, descriptors, permissions; says nothing about the route
};
inline constexpr int outcome_count = static_cast<int>(outcome::local_error) + 1;

/// Where in an attempt something happened.
enum class stage : std::uint8_t { none, resolve, connect, tls, proxy, handshake, request, body, verify };

[[nodiscard]] std::string_view name(outcome value) noexcept;
[[nodiscard]] std::string_view name(stage value) noexcept;
[[nodiscard]] std::optional<outcome> outcome_of(std::string_view name) noexcept;

/// What a penalty is put on.
enum class penalty_scope : std::uint8_t { nobody, route, route_on_network, front, address, address_and_port };

/// When to try again, and who waits.
struct policy {
  penalty_scope penalised;    ///< `nobody`: tried again at the next poll or network change
  std::chrono::seconds retry; ///< wait before the next attempt; for `backoff` the first wait
  bool backoff;               ///< doubles per failure in a row up to `max_backoff`, jittered by the caller
  bool hard;                  ///< counts as a failure of the route for the ranking
};
inline constexpr std::chrono::seconds max_backoff{60};

/// Total: a new class does not compile before it has a policy (-Werror=switch, no default).
[[nodiscard]] policy policy_of(outcome value) noexcept;

/// An English clause for people: "the server's certificate is wrong", and what to do about it.
[[nodiscard]] std::string_view explain(outcome value) noexcept;
[[nodiscard]] std::string_view hint(outcome value) noexcept;

} // namespace landfall::base
