// explain: why each route stands where it stands, waits, or was tried: pure data for people and programs. The same
// ranking that a race would begin with now.
#pragma once

#include "fallback/rank.hpp"

#include <optional>
#include <string>
#include <vector>

namespace landfall::fallback {

struct explained_route {
  std::string route, kind;
  standing why = standing::configured;
  bool conspicuous = false;
  std::optional<wait> waits;         ///< not to be started before
  fallback::odds odds;               ///< on this network, faded to now
  std::optional<base::outcome> last; ///< how its last attempt on this network that ended by itself ended
  base::unix_time last_at = 0;
};

/// In the order in which a race would try them.
[[nodiscard]] std::vector<explained_route> explain(std::span<const route> routes, const network_memory& memory,
                                                   const network_id& here, config::exposure exposure,
                                                   base::unix_time now);

} // namespace landfall::fallback
