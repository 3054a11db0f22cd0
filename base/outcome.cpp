#include "base/outcome.hpp"

#include <array>

namespace landfall::base {

namespace {

struct words {
  std::string_view name, explained, hint;
};

constexpr std::array<words, outcome_count> table{{
    {"won", "the first verified, fresh list", ""},
    {"verified_same", "the list is authentic and the one we hold", ""},
    {"verified_but_older", "the list is authentic but older than the one we hold", "a lagging cache; nothing to do"},
    {"not_modified", "the server has nothing newer than what we hold", ""},
    {"cancelled", "stopped by us", ""},
    {"timed_out", "no answer within the deadline", "blocked or very slow; other routes are tried"},
    {"dns_poisoned", "the name was answered with a false address", "the resolver lies; set [dns] doh"},
    {"refused", "the connection was refused", "the server is down, or its port is blocked"},
    {"unreachable", "the address cannot be reached", "check the name, the network, and IPv6"},
    {"reset_before_hello", "the connection was reset before anything was sent", "address or port is blocked"},
    {"reset_after_hello", "the connection was reset after the ClientHello",
     "the name is filtered; fronted routes and bridges help"},
    {"stalled_after_hello", "silence after the ClientHello", "the name is filtered; fronted routes and bridges help"},
    {"stalled_after_bytes", "the transfer stopped in the middle",
     "the volume per connection is filtered; it is resumed by ranges"},
    {"tls_certificate", "the server's certificate is wrong",
     "someone is in the middle, or the server is misconfigured"},
    {"clock_suspect", "the certificate is right but for its dates", "set this computer's clock"},
    {"front_refused", "the front refused to forward the request", "another front is tried"},
    {"http_status", "the server did not answer with the document", "check the route's url: its path is a secret"},
    {"captive_portal", "a login page answered instead", "log in to this network first"},
    {"bridge_silent", "the bridge did not answer the handshake",
     "the bridge is blocked or gone; get another bridge line"},
    {"bridge_bad_auth", "the bridge answered with the wrong key", "check the bridge line's cert"},
    {"proxy_failed", "the proxy refused or failed", "check what it goes through: upstream_proxy, or tor"},
    {"tor_bootstrap", "tor did not reach the network", "a bridge for tor may help"},
    {"below_threshold", "too few valid signatures: forged, tampered with, or signed with unknown keys",
     "never use this copy"},
    {"bad_root", "the root document is not acceptable", "ask the publisher; do not replace the root by hand"},
    {"root_needed", "the list needs a newer root than the one we hold", "fetch the next root, or pass it with --root"},
    {"rolled_back", "an old list is replayed", "never use this copy"},
    {"expired", "the list is authentic but old", "used only while there is nothing newer"},
    {"wrong_network", "the document belongs to another network", "check network.id and the route's url"},
    {"wrong_channel", "the document belongs to another channel", "check network.channel and the route's url"},
    {"equivocation", "two different lists carry the same version", "tell the publisher; the first one is kept"},
    {"too_large", "the document exceeds its limits", "the server does not serve what it should"},
    {"malformed", "the document cannot be read", "the server does not serve what it should"},
    {"offline", "this computer has no network", "connect to a network"},
    {"local_error", "this computer failed, not the route", "check disk space, permissions and descriptor limits"},
}};

constexpr std::array<std::string_view, 9> stages{"none",      "resolve", "connect", "tls",   "proxy",
                                                 "handshake", "request", "body",    "verify"};

} // namespace

std::string_view name(outcome value) noexcept { return table[static_cast<std::size_t>(value)].name; }
std::string_view name(stage value) noexcept { return stages[static_cast<std::size_t>(value)]; }
std::string_view explain(outcome value) noexcept { return table[static_cast<std::size_t>(value)].explained; }
std::string_view hint(outcome value) noexcept { return table[static_cast<std::size_t>(value)].hint; }

std::optional<outcome> outcome_of(std::string_view name) noexcept {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (table[i].name == name) return static_cast<outcome>(i);
  return std::nullopt;
}

policy policy_of(outcome value) noexcept {
  using namespace std::chrono_literals;
  using enum outcome;
  using enum penalty_scope;
  switch (value) {
  case timed_out:
  case stalled_after_hello:
  case reset_after_hello:
  case bridge_silent: return {address, 180s, false, true};
  case reset_before_hello: return {address_and_port, 180s, false, true};
  case refused:
  case unreachable:
  case dns_poisoned:
  case http_status:
  case clock_suspect:
  case bridge_bad_auth:
  case proxy_failed:
  case tor_bootstrap:
  case root_needed:
  case expired: return {route, 1s, true, true};
  case front_refused: return {front, 24h, false, true};
  case tls_certificate: return {route_on_network, 1h, false, true};
  case below_threshold:
  case bad_root:
  case rolled_back:
  case wrong_network:
  case wrong_channel: return {route, 24h, false, true};
  case too_large:
  case malformed: return {route, 1h, false, true};
  case stalled_after_bytes: return {nobody, 0s, false, false}; // resumed by ranges on the same route
  case offline:
  case captive_portal:
  case cancelled:
  case local_error:
  case won:
  case verified_same:
  case verified_but_older:
  case not_modified:
  case equivocation: return {nobody, 0s, false, false};
  }
  return {nobody, 0s, false, false}; // unreachable: the switch is total
}

} // namespace landfall::base
