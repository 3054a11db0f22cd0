// Which bridge this server is. Reads and makes one file.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"
#include "wire/obfs4_identity.hpp"

#include <filesystem>
#include <optional>

namespace landfall::server {

/// From the state file, which is made (0600, whole or not at all) when there is none; without one, from the seed
/// (seed.hpp). Errors: malformed (neither given, a damaged file), local_error.
[[nodiscard]] base::result<wire::obfs4_identity> load_obfs4_identity(const std::optional<std::filesystem::path>& state,
                                                                     const base::secret& seed);

} // namespace landfall::server
