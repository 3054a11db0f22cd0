// Where things lie: configuration, socket, state. The same rules stand in clients/python/discovery.py (socket) and in
// docs; change both or neither.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace landfall::config {

/// Looks up an environment variable; nullopt when unset or empty. Injected, so that the rules are pure.
/// Relative paths in XDG_* and HOME count as unset, as the XDG base directory specification asks.
using environment = std::function<std::optional<std::string>(const char* name)>;
/// The process's own; HOME comes from the user database when it is unset.
[[nodiscard]] environment process_environment();

/// LANDFALL_CONFIG, there or not (so that a mistyped one is an error, not another file); else the first that exists of
/// $XDG_CONFIG_HOME/landfall/landfall.toml (~/.config without it) and /etc/landfall/landfall.toml.
[[nodiscard]] std::optional<std::filesystem::path> find_configuration(const environment& env);

/// LANDFALL_API, else $XDG_RUNTIME_DIR/landfall/api.sock, else for root /run/landfall/api.sock, else api.sock in
/// $XDG_STATE_HOME/landfall or ~/.local/state/landfall.
[[nodiscard]] std::filesystem::path socket_path(const environment& env, bool root);

/// LANDFALL_STATE, $XDG_STATE_HOME/landfall, ~/.local/state/landfall; for root /var/lib/landfall.
[[nodiscard]] std::filesystem::path state_path(const environment& env, bool root);

} // namespace landfall::config
