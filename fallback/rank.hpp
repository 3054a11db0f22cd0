// rank: in which order routes are tried, and how far apart. Pure.
//
// The configuration is the prior: tiers, and the order of the file within a tier. Then
//   - memory moves routes within their tier: better odds on this network first, then the quicker; even odds keep the
//     order of the file, so that a route which was never tried is neither first nor last;
//   - one proven winner crosses tiers: it goes first, with a head start of a second, and the others wait that long
//     unless it fails. Of the proven ones that are not under a penalty the one that is clearly the quickest;
//   - exposure. fast: the order as it is. balanced: a conspicuous route stands a tier gap behind the quiet ones of its
//     tier, but a proven one may still go first: to knock at closed doors before is no quieter. quiet: conspicuous ones
//     stand behind all quiet ones, and start only when each of those has failed (schedule); a name of ours in the SNI
//     comes after none within a tier.
#pragma once

#include "config/settings.hpp"
#include "fallback/memory.hpp"
#include "fallback/schedule.hpp"

#include <span>

namespace landfall::fallback {

/// Why a route stands where it stands. For explain.
enum class standing : std::uint8_t {
  configured, ///< tier and order of the configuration
  proven,     ///< brought fresh lists on this network: first, with a head start
  favoured,   ///< better odds here than untried: before the rest of its tier
  doubted,    ///< worse odds here than untried: behind the rest of its tier
  held_back,  ///< conspicuous, behind quieter ones
  left_out,   ///< telling, under `quiet`: never tried
};
[[nodiscard]] std::string_view name(standing value) noexcept;
[[nodiscard]] std::string_view explain(standing value) noexcept;

struct ranked {
  std::size_t route = 0; ///< index into what was ranked
  entrant as;            ///< for the schedule: its tier is the schedule's own
  standing why = standing::configured;
  std::optional<wait> waits; ///< under a penalty: listed in its place, not to be started
  fallback::odds odds;
};

/// All of `routes`, first to last, tiers never falling; those left out come last.
[[nodiscard]] std::vector<ranked> rank(std::span<const route> routes, const network_memory& memory,
                                       const network_id& here, config::exposure exposure, base::unix_time now);

} // namespace landfall::fallback
