// The command line of `landfall`: one function per command, each in its own command_*.cpp. Every command returns its
// exit status: 0 done; 1 no peers in time; 2 bad usage or configuration; 3 trust failure.
#pragma once

#include <CLI/App.hpp>

#include <functional>
#include <string_view>

namespace landfall::sidecar {

enum exit_status : int { done = 0, no_peers = 1, usage = 2, untrusted = 3 };

/// What the chosen command will do once the line is parsed.
using action = std::function<int()>;

void add_run_command(CLI::App& app, action& chosen);
void add_peers_command(CLI::App& app, action& chosen);
void add_probe_command(CLI::App& app, action& chosen);
void add_status_command(CLI::App& app, action& chosen);
void add_check_command(CLI::App& app, action& chosen);
void add_config_command(CLI::App& app, action& chosen);
void add_bridge_command(CLI::App& app, action& chosen);
void add_list_command(CLI::App& app, action& chosen);
void add_root_command(CLI::App& app, action& chosen);
void add_demo_command(CLI::App& app, action& chosen);

/// Parses, runs, prints errors as "landfall: what: where: what to do". The body of main().
[[nodiscard]] int run_cli(int argc, char** argv);

/// Says on stderr what happened, where, and what to do, each left out when empty; returns `status`.
int complain(exit_status status, std::string_view what, std::string_view where, std::string_view to_do);

} // namespace landfall::sidecar
