// What the machine grants this process.
#pragma once

#include <cstddef>

namespace landfall::server {

/// Raises the soft limit of descriptors to the hard one. The limit that holds now.
[[nodiscard]] std::size_t raise_descriptor_limit();

} // namespace landfall::server
