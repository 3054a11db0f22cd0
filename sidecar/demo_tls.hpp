// Certificates of the demo's servers: a CA made on the spot, whose key is forgotten at once.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <filesystem>

namespace landfall::sidecar {

/// Writes ca.pem, server.pem and front.pem with their keys (0600) into `folder`: P-256, valid from a day before `now`
/// to a day after; server for 127.0.0.1 to 127.0.0.3 and bootstrap.localhost, front for cdn.example. Errors:
/// local_error.
[[nodiscard]] base::result<void> make_demo_certificates(const std::filesystem::path& folder, base::unix_time now);

} // namespace landfall::sidecar
