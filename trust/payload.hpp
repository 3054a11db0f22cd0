// The bytes inside the envelope, read into values. Called once the signatures hold (and by the publisher's check).
//
// Judges form alone: presence, types, ranges, limits, order of dates. Whose network it is, whether the signers sufficed
// and how it stands to what we hold is verify.hpp's and standing.hpp's matter. Errors: too_large, malformed.
#pragma once

#include "base/result.hpp"
#include "trust/document.hpp"

#include <string>
#include <string_view>

namespace landfall::trust {

/// A root whose form is right. `flaw` tells of what makes it bad_root: it is kept apart because a root of another
/// network is to be called that first.
struct root_reading {
  root document;
  std::string flaw; ///< empty: sound
};
[[nodiscard]] base::result<root_reading> read_root(std::string_view payload);

/// Peers that the list itself revokes are removed. A route of a kind, or with a member, that this release does not know
/// is left out, so that old releases can read new lists; one that names what no document may name makes it malformed.
[[nodiscard]] base::result<peer_list> read_list(std::string_view payload, bool lab);

[[nodiscard]] base::result<live_list> read_live(std::string_view payload, bool lab);

} // namespace landfall::trust
