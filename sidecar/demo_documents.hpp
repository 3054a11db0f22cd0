// The documents of the demo: root 1 as it was compiled in, then a root 2 and a list by keys that were made on the spot,
// so that the sidecar has to walk the chain 1 → 2 before it can believe the list.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <filesystem>
#include <string>

namespace landfall::sidecar {

inline constexpr const char* demo_network = "demo";

struct demo_documents {
  std::string root_1, root_2, list; ///< envelopes
  base::unix_time made = 0;         ///< the time of the demo: now, or root 1's date where the clock is behind it
};

/// The list has the compiled list's peers and `more` of the same kind. Errors: local_error when this build carries
/// other seeds than the demo's.
[[nodiscard]] base::result<demo_documents> make_demo_documents(base::unix_time wall, int more);

/// Writes root 2 and the list under the names of their carrier: FOLDER/v1/demo/root/2 and so on.
[[nodiscard]] base::result<void> write_demo_documents(const demo_documents& documents,
                                                      const std::filesystem::path& folder);

} // namespace landfall::sidecar
