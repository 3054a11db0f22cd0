// sd_notify(3) without libsystemd: one datagram to the socket that NOTIFY_SOCKET names.
#pragma once

#include <string_view>

namespace landfall::base {

/// "READY=1", "STOPPING=1". Nothing happens when no service manager asked; failures are none of ours.
void notify_service(std::string_view state) noexcept;

} // namespace landfall::base
