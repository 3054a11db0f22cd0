// What a server owes whoever started it.
#pragma once

#include <cstddef>
#include <string_view>

namespace landfall::server {

/// SIGTERM for us when the parent ends (PR_SET_PDEATHSIG). False when it has ended already.
[[nodiscard]] bool exit_with_parent();

/// sd_notify(3): `state`, such as "READY=1", to the socket in NOTIFY_SOCKET. Does nothing without one.
void notify_service_manager(std::string_view state);

/// Raises the soft limit of descriptors to the hard one. The limit that holds now.
[[nodiscard]] std::size_t raise_descriptor_limit();

} // namespace landfall::server
