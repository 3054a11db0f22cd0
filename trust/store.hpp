// The one file on disk of what we believe: STATE/trust-<network hash>-<channel>.json (temp, fsync, rename, fsync of the
// folder), written only after every check, re-verified from nothing on load. A damaged file is set aside as
// "….damaged" and never blocks the start. The floor has a second copy of its own (…-floor.json), so that deleting or
// losing the list does not re-open the door to old ones.
#pragma once

#include "trust/state.hpp"

#include <filesystem>

namespace landfall::trust {

class store {
  public:
    /// `folder` exists and is private (base::private_folder).
    explicit store(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// Brings `s` to what was saved. Returns what went wrong, one line each ("set aside: ..."), never fails.
    std::vector<std::string> load(state& s, base::unix_time wall) const;
    /// Errors: local_error; the old file stays.
    [[nodiscard]] base::result<void> save(const state& s) const;

  private:
    std::filesystem::path folder_;
};

} // namespace landfall::trust
