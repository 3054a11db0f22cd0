// torrc: how a tor that we start is configured. Pure.
//
// In two parts. The file holds what may be read on a disk; what finds or opens something (bridges, a proxy's password)
// goes over the control port alone, and DisableNetwork keeps tor silent until it has arrived. No GeoIP files: they are
// 35 MB of memory, and nothing here asks for a country.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace landfall::onion {

/// Everything of a managed tor lies here; kept across runs, since a tor with state is ready in a fraction of the time.
struct tor_folder {
  std::filesystem::path path; ///< absolute, ours, 0700
  [[nodiscard]] std::filesystem::path torrc() const { return path / "torrc"; }
  [[nodiscard]] std::filesystem::path empty() const { return path / "empty"; } ///< an empty file
  [[nodiscard]] std::filesystem::path data() const { return path / "data"; }
  [[nodiscard]] std::filesystem::path control() const { return path / "control"; } ///< Unix sockets: no port that
  [[nodiscard]] std::filesystem::path socks() const { return path / "socks"; }     ///< another user could connect to
  [[nodiscard]] std::filesystem::path cookie() const { return path / "cookie"; }
};

/// The file. `owner` is our own pid: tor ends when that process has. `more`: lines for a laboratory's network.
/// Errors: local_error (a path that torrc cannot hold, or that is too long for a Unix socket).
[[nodiscard]] base::result<std::string> torrc_file(const tor_folder& folder, pid_t owner, std::string_view more);

/// A proxy that all of tor's connections take.
struct tor_proxy {
  bool http = false; ///< HTTP CONNECT; else SOCKS5
  std::string where; ///< ADDRESS:PORT
  base::sensitive<std::string> user, password;
  friend bool operator==(const tor_proxy&, const tor_proxy&) = default;
};

struct tor_ways {
  std::vector<base::sensitive<std::string>>
      bridges; ///< bridge lines as tor takes them; empty: guards of its own choice
  /// Nobody here asked for them, a list brought them: where they come to nothing tor may go without, which somebody who
  /// has configured a bridge need not want to be seen.
  bool bridges_optional = false;
  /// Transports, and the command of the managed proxy that speaks them: {"obfs4", "/usr/bin/landfall run"}.
  std::vector<std::pair<std::string, std::string>> transports;
  std::optional<tor_proxy> proxy;
  friend bool operator==(const tor_ways&, const tor_ways&) = default;
};

/// What is set over the control port, DisableNetwork 0 at its end: in one SETCONF, so that tor never runs with half.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> tor_settings(const tor_ways& ways);

} // namespace landfall::onion
