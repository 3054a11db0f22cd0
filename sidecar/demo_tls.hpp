// Certificates of the demo's servers: a CA made on the spot, whose key is forgotten at once.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <filesystem>

namespace landfall::sidecar {

/// Writes ca.pem, server.pem and server.key (0600) into `folder`: P-256, for the address 127.0.0.1, valid from a day
/// before `now` to a day after. Errors: local_error.
[[nodiscard]] base::result<void> make_demo_certificates(const std::filesystem::path& folder, base::unix_time now);

} // namespace landfall::sidecar
