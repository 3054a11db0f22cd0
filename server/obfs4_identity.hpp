// Which bridge this server is. Reads the environment once; reads and makes one file.
#pragma once

#include "base/result.hpp"
#include "wire/obfs4_identity.hpp"

#include <filesystem>
#include <optional>

namespace landfall::server {

/// 64 hex digits, from which everything secret of a server follows: for those who keep no files.
inline constexpr const char* seed_variable = "LANDFALL_SERVER_SEED";

/// From the state file, which is made (0600, whole or not at all) when there is none; without one, from the seed, which
/// is taken out of the environment. Errors: malformed (neither given, a damaged file, a bad seed), local_error.
[[nodiscard]] base::result<wire::obfs4_identity> load_obfs4_identity(const std::optional<std::filesystem::path>& state);

} // namespace landfall::server
