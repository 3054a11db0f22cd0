// What an authentic list is worth now: its tier by the clock, and its order against what we hold. Pure.
#pragma once

#include "trust/verify.hpp"

#include <optional>

namespace landfall::trust {

/// Freshness, not a cliff: A fresh, A− valid, B expired up to 30 days ago (or under an expired root), C older or compiled.
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

/// won (tier A, adopt), verified_same, verified_but_older, expired (tier C), rolled_back, equivocation; `adopt` says
/// whether it replaces what we hold; a lower tier than A is adopted provisionally.
struct standing {
    base::outcome what = base::outcome::rolled_back;
    trust::tier tier = tier::c;
    bool adopt = false;
    bool clock_behind = false; ///< `issued` lies after `now`
    std::string detail;
};
[[nodiscard]] standing judge(const verified<peer_list>& list, const verified<root>& current, const std::optional<floor>& stored,
                             const std::optional<floor>& compiled, const known_time& time);

} // namespace landfall::trust
