// What keeps probers from learning what an obfs4 server is: nothing is answered twice, and every connection that does
// not prove knowledge of the bridge ends in the same way. Pure.
#pragma once

#include "base/clock.hpp"
#include "crypto/siphash.hpp"
#include "wire/obfs4_identity.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_set>

namespace landfall::wire {

/// The MACs of requests that were answered: a recorded one played again would be answered, and show the bridge.
///
/// Only holders of a bridge line can fill it; when they do, the oldest go first. 3 hours are longer than the hour of a
/// MAC is accepted. It does not survive a restart: obfs4proxy's does not either (docs/THREATS.md).
class obfs4_replay_filter {
public:
  static constexpr std::size_t usual_capacity = 100 * 1024; ///< about 6 MB when full; obfs4proxy's size
  static constexpr base::steady_time::duration lifetime = std::chrono::hours(3);
  /// `key`: random bytes, so that nobody can aim at the table.
  explicit obfs4_replay_filter(const std::array<std::uint8_t, 16>& key, std::size_t capacity = usual_capacity)
      : key_(key), capacity_(capacity) {}

  /// True when `mac` was here before; remembers it otherwise.
  [[nodiscard]] bool seen(std::string_view mac, base::steady_time now);
  [[nodiscard]] std::size_t size() const noexcept { return in_order_.size(); }

private:
  struct entry {
    base::steady_time until;
    std::uint64_t hash;
  };
  void forget_first();
  std::array<std::uint8_t, 16> key_;
  std::size_t capacity_;
  std::deque<entry> in_order_;
  std::unordered_set<std::uint64_t> hashes_;
};

/// When a connection that has not shown knowledge of the bridge is no more listened to, and when it is closed. Both
/// counted from its start, whatever was or was not sent meanwhile, so that no probe learns which check it failed; up to
/// then bytes are read and dropped. The second time is a constant of the bridge, so that it is no mark of the software.
struct obfs4_patience {
  base::steady_time answer_until; ///< 30 s
  base::steady_time close_at;     ///< 30 to 89 s
  [[nodiscard]] static obfs4_patience of(base::steady_time opened, const obfs4_identity& who) noexcept;
};

} // namespace landfall::wire
