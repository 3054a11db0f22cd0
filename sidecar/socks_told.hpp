// What the local proxy tells of itself: to those who use it, and in numbers.
#pragma once

#include "base/sensitive.hpp"

#include <cstdint>
#include <string>

namespace landfall::sidecar {

/// What the API hands to those it trusts.
struct socks_told {
  std::string address;                         ///< "127.0.0.1:41234", "[::1]:41234" or "unix:PATH"
  base::sensitive<std::string> user, password; ///< empty: none is asked for
};

struct socks_counts {
  std::uint64_t accepted = 0, open = 0, half_open = 0;
  std::uint64_t pushed_out = 0;  ///< half-open, for a new one
  std::uint64_t refused = 0;     ///< no SOCKS5, or the wrong password
  std::uint64_t not_allowed = 0; ///< the destination
};

} // namespace landfall::sidecar
