// Names of hosts: what may stand where a name is asked for. Pure.
#pragma once

#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace landfall::config {

/// True for a DNS name in lower case: letters, digits and inner hyphens, labels of 1 to 63, 253 in all, no dot at the
/// end. False also when the last label is a number (127.1, 0x7f000001): resolvers read those as IPv4 addresses, which
/// would walk past every check of addresses.
[[nodiscard]] bool is_host_name(std::string_view text) noexcept;

/// True for "localhost" and what is below it (RFC 6761): loopback by another name.
[[nodiscard]] bool is_localhost(std::string_view name) noexcept;

/// ASCII only; the rest stays.
[[nodiscard]] std::string lower(std::string_view text);

/// The host of an absolute URL in its one form: a lower-case name, or an address without brackets. nullopt: not such a
/// URL, or its host is none of these.
[[nodiscard]] std::optional<std::string> host_of_url(std::string_view url);

/// Checks "<56 characters>.onion": base32, version 3, and the checksum, which catches what was mistyped
/// (rend-spec-v3 §6). Errors: malformed, saying which. Names below an onion address are refused.
[[nodiscard]] base::result<void> check_onion(std::string_view host);

} // namespace landfall::config
