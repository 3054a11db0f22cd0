// The v3 address that an onion service's public key has (rend-spec-v3 §6). Pure. `check_onion` (host.hpp) reads one.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace landfall::config {

/// 56 characters, without ".onion".
[[nodiscard]] std::string onion_address(const std::array<std::uint8_t, 32>& public_key);

} // namespace landfall::config
