// Compiled seeds put to use: the roots and the list of this build, as far as they belong to the network in hand.
#pragma once

#include "seeds/compiled.hpp"
#include "trust/state.hpp"

#include <string>
#include <vector>

namespace landfall::seeds {

/// What `sow` did, for status and logs.
struct sown {
  int roots = 0;                  ///< newer roots taken
  bool list = false;              ///< the compiled list was taken, or became the floor under a better one
  std::vector<std::string> notes; ///< why something was not used, one clause each; empty when all went well
};

/// Offers the compiled roots and list to `state`. Nothing of another network, or of another chain of roots than the one
/// that starts at the state's anchor, is used: the anchor is the user's choice, and seeds never replace it. The list is
/// taken only over nothing, as tier C; its order is the first-run floor.
[[nodiscard]] sown sow(trust::state& state, const compiled_seeds& from, base::unix_time wall);

} // namespace landfall::seeds
