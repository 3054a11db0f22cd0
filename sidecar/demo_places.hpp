// Where the demo finds what it needs.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <string>

namespace landfall::sidecar {

/// landfall-server beside this program, else the bare name, which is looked for on PATH.
[[nodiscard]] std::string find_server_program();

/// discovery.py: of the installation that this program belongs to (../share/landfall/python), else of the source tree
/// it was built from. Errors: local_error.
[[nodiscard]] base::result<std::filesystem::path> find_discovery();

} // namespace landfall::sidecar
