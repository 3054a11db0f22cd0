// Who an obfs4 bridge is: what its line tells clients, and what it keeps. Pure.
//
//   cert = base64(NODEID 20 || B 32) without its "=="; older lines have node-id and public-key in hex
// Source: obfs4proxy 0.0.14, whose state file (obfs4_state.json) is ours too, so that a bridge can move either way.
#pragma once

#include "base/result.hpp"
#include "crypto/siphash.hpp"
#include "crypto/x25519.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace landfall::wire {

/// What hides the lengths and times of packets besides: 0 nothing, 1 packets of the largest size and pauses, 2 packets
/// of drawn sizes and pauses.
enum class iat_mode : std::uint8_t { none = 0, enabled = 1, paranoid = 2 };

using obfs4_node_id = std::array<std::uint8_t, 20>;

/// What a client knows. Whoever knows it can find out that the server is a bridge: sensitive as a whole.
struct obfs4_bridge {
  obfs4_node_id node_id{};
  crypto::key_bytes public_key{};
  iat_mode iat = iat_mode::none;
  friend bool operator==(const obfs4_bridge&, const obfs4_bridge&) = default;
};

/// From a bridge line's arguments, or from SOCKS. `cert` counts before node-id and public-key; unknown keys are
/// ignored. Errors: malformed, with the key and never its value.
[[nodiscard]] base::result<obfs4_bridge>
read_obfs4_arguments(const std::vector<std::pair<std::string, std::string>>& arguments);
/// "cert=… iat-mode=0": the end of a bridge line. Sensitive.
[[nodiscard]] std::string obfs4_arguments(const obfs4_bridge& bridge);

/// What the server knows. Move only.
struct obfs4_identity {
  obfs4_bridge open;                  ///< what its clients are told; its iat mode is the server's own too
  crypto::secret_key secret;          ///< b, of B
  crypto::siphash_drbg::seed shape{}; ///< of the lengths of its packets, and of how long it holds strangers
};

/// From 32 or more secret bytes, always the same: HKDF with a label of its own.
[[nodiscard]] obfs4_identity derive_obfs4_identity(std::string_view seed);
/// A new one.
[[nodiscard]] obfs4_identity make_obfs4_identity();
inline constexpr std::size_t max_obfs4_state = 4096;
/// {"node-id","private-key","public-key","drbg-seed","iat-mode"}. Errors: malformed, also where the keys do not belong
/// together.
[[nodiscard]] base::result<obfs4_identity> read_obfs4_state(std::string_view json);
[[nodiscard]] std::string obfs4_state(const obfs4_identity& identity); ///< secret

} // namespace landfall::wire
