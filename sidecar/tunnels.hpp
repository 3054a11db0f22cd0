// The ways out of the local proxy that a configuration has.
#pragma once

#include "config/settings.hpp"
#include "sidecar/transports.hpp"
#include "sidecar/tunnel.hpp"

#include <vector>

namespace landfall::sidecar {

/// In this order: direct, or the upstream proxy in its place; bridge-1 and so on, those whose far end is a landfall
/// server; tor, where an onion route is configured. None where the upstream proxy cannot be read. They borrow
/// `through`.
[[nodiscard]] std::vector<tunnel> make_tunnels(const config::settings& settings, transports& through);

} // namespace landfall::sidecar
