// Which tunnel first: what was learnt of each on each network. Pure: the time is given. Kept in memory alone, since
// what it saves is a few seconds after a start, and a disk need not know which ways were open where.
//
//   last good on this network    first, for half an hour: then the cheaper ones are tried again
//   failed where another worked  last, for as long as policy_of(timed_out) says
//   the rest                     in the order of the configuration
//
// A tunnel counts as failed only when another reached the same destination: a peer that is down is nobody's fault.
#pragma once

#include "base/clock.hpp"
#include "fallback/keyed.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace landfall::sidecar {

class tunnel_memory {
public:
  static constexpr std::chrono::minutes good_for{30};
  static constexpr std::size_t max_networks = 16; ///< more: all is forgotten

  /// What an attempt found out, in order: those that failed, then the one that did not, if any.
  struct attempt {
    std::vector<std::string> failed;
    std::optional<std::string> good;
  };

  /// `names` in the order to try.
  [[nodiscard]] std::vector<std::string> order(const fallback::network_id& here, std::vector<std::string> names,
                                               base::steady_time now) const;
  void record(const fallback::network_id& here, const attempt& found, base::steady_time now);

private:
  struct seen {
    std::optional<base::steady_time> good, failed; ///< last
  };
  std::map<fallback::network_id, std::map<std::string, seen>> networks_;
};

} // namespace landfall::sidecar
