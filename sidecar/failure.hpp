// From a failure that stops a command to its line on stderr and its exit status.
#pragma once

#include "base/result.hpp"

namespace landfall::sidecar {

/// 3 for what concerns trust, 2 for everything else.
[[nodiscard]] int exit_status_of(base::outcome what) noexcept;
/// Tells it with the hint of its class; returns its exit status.
int complain(const base::failure& failure);

} // namespace landfall::sidecar
