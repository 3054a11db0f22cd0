// What an authentic list is worth now: its tier by the clock, and its order against what we hold. Pure.
#pragma once

#include "trust/verify.hpp"

#include <optional>

namespace landfall::trust {

/// Freshness, not a cliff: A fresh, A− valid, B expired up to 30 days ago (or under an expired root), C older or
/// compiled.
enum class tier : std::uint8_t { a, a_minus, b, c };
[[nodiscard]] std::string_view name(tier value) noexcept; ///< "A", "A-", "B", "C"

/// The latest moment that we know to have passed: max(wall, build, `issued` of everything accepted), each signed time
/// capped by the root's `expires`. Never learnt from unsigned sources.
struct known_time {
  base::unix_time wall = 0, build = 0, accepted = 0;
  [[nodiscard]] base::unix_time now() const noexcept;
};

/// The tier by the list's dates and the root's.
[[nodiscard]] tier tier_of(const peer_list& list, const root& current, base::unix_time now) noexcept;

/// What is stored about the lists of one (network, channel): survives the list file.
struct floor {
  list_order order;
  crypto::digest id;
  bool has_id = false; ///< false for the compiled floor of a list that we never held
};

/// True when the root has ended this list: its epoch, or its version within the epoch, is below what the root allows.
[[nodiscard]] bool ended_by(const root& current, const peer_list& list) noexcept;

/// `adopt` says whether it replaces what we hold; `what` then goes by the tier: won (A), verified_but_older (A- and B:
/// authentic, past its fresh_until, taken for now while fresher ones are sought), expired (C). Not adopted:
/// verified_same, verified_but_older (below the floor, its own fresh_until not passed: a lagging cache), rolled_back,
/// equivocation.
struct standing {
  base::outcome what = base::outcome::rolled_back;
  trust::tier tier = tier::c;
  bool adopt = false;
  bool clock_behind = false; ///< `issued` lies after `now`
  std::string detail;
};

/// The floor is the larger of `stored` and `compiled`; below the compiled one a list is rolled_back however fresh.
/// `in_hand`: the list at the stored floor is still held. Where it was lost, the same one is adopted again.
[[nodiscard]] standing judge(const verified<peer_list>& list, const verified<root>& current,
                             const std::optional<floor>& stored, const std::optional<floor>& compiled,
                             const known_time& time, bool in_hand = true);

} // namespace landfall::trust
