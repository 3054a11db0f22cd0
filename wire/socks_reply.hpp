// The reply codes of SOCKS5 (RFC 1928 §6), and those that tor adds for onion services (proposal 304).
#pragma once

#include "base/outcome.hpp"

#include <cstdint>
#include <string_view>

namespace landfall::wire {

enum class socks_reply : std::uint8_t {
  succeeded = 0x00,
  general_failure = 0x01,
  not_allowed = 0x02, ///< by the proxy's rules
  network_unreachable = 0x03,
  host_unreachable = 0x04,
  refused = 0x05,
  ttl_expired = 0x06, ///< what transports send for a time-out
  command_not_supported = 0x07,
  address_not_supported = 0x08,
  // Read from tor where ExtendedErrors was asked for; never sent by us.
  onion_not_found = 0xf0,
  onion_invalid = 0xf1,
  onion_intro_failed = 0xf2,
  onion_rendezvous_failed = 0xf3,
  onion_auth_missing = 0xf4,
  onion_auth_wrong = 0xf5,
  onion_bad_address = 0xf6,
  onion_intro_timed_out = 0xf7,
};

/// An English clause; "an unknown reply" for a code of nobody's.
[[nodiscard]] std::string_view explain(socks_reply code) noexcept;

/// The code that tells a client of a failure. Never one of tor's.
[[nodiscard]] socks_reply reply_for(base::outcome failure) noexcept;

} // namespace landfall::wire
