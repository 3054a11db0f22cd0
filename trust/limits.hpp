// Every limit on signed documents (design §5), in one place. What exceeds one is too_large, before anything is parsed
// further.
#pragma once

#include <cstddef>
#include <cstdint>

namespace landfall::trust {

inline constexpr std::size_t max_envelope = 128 * 1024;
inline constexpr std::size_t max_peers = 256;
inline constexpr std::size_t max_endpoints = 4;
inline constexpr std::size_t max_routes = 16;
inline constexpr std::size_t max_servers = 64;
inline constexpr std::size_t max_signatures = 8;
inline constexpr std::size_t max_keys = 16;
inline constexpr std::size_t max_string = 512;
inline constexpr std::size_t max_roles = 8;      // of one peer
inline constexpr std::size_t max_revoked = 1024; // 43 KiB of ids
inline constexpr std::size_t max_depth = 6;
inline constexpr int max_root_steps = 32;                // python-tuf's bound
inline constexpr std::int64_t max_epoch = (1 << 22) - 1; // so that epoch * 2^40 + version fits the DHT's seq
inline constexpr std::size_t max_dht_salt = 48;
inline constexpr std::int64_t max_live_life = 600;                 // seconds, of a live list
inline constexpr std::int64_t max_list_life = 31 * 24 * 3600;      // seconds from issued to expires
inline constexpr std::int64_t expired_but_useful = 30 * 24 * 3600; // tier B: this long after expires

} // namespace landfall::trust
