// The command line of landfall-server. Reads the secret's file; nothing else.
#pragma once

#include "base/sensitive.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace landfall::server {

struct options {
  std::optional<std::filesystem::path> documents, decoy;
  base::secret secret;            ///< empty without documents
  std::vector<std::string> hosts; ///< lower case
  std::vector<std::string> listen;
  std::optional<std::string> obfs4; ///< where a listener speaks it
  std::optional<std::filesystem::path> obfs4_state;
  std::optional<std::string> onion; ///< the control port of a tor that publishes us
  std::optional<std::filesystem::path> onion_key;
  std::string onion_listen;                  ///< where that tor finds us
  bool relay = false, relay_private = false; ///< CONNECT behind obfs4 and onion
  std::optional<std::filesystem::path> tls_certificate, tls_key;
  std::size_t max_connections = 0;
  std::chrono::seconds request_timeout{0};
  bool exit_with_parent = false;
};

/// The options, or the exit status of a program that has said all: 0 after --help and --version, 2 for bad usage, which
/// is told on stderr without the secret.
[[nodiscard]] std::variant<options, int> read_options(int argc, const char* const* argv);

} // namespace landfall::server
