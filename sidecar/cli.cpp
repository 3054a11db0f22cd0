#include "sidecar/cli.hpp"

#include "base/log.hpp"
#include "base/sensitive.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

namespace landfall::sidecar {

namespace {

void add_global_flags(CLI::App& app) {
  app.set_version_flag(
      "--version", [] { return fmt::format("landfall {} ({})", LANDFALL_VERSION, OpenSSL_version(OPENSSL_VERSION)); },
      "Print the version and leave");
  app.add_flag_callback("--verbose", [] { base::log_level(base::level::debug); }, "Say more on stderr");
  app.add_flag_callback("--unsafe-logging", [] { base::unsafe_logging(true); }, "Show addresses and names in the log");
}

void add_commands(CLI::App& app, action& chosen) {
  add_run_command(app, chosen);
  add_peers_command(app, chosen);
  add_status_command(app, chosen);
  add_probe_command(app, chosen);
  add_check_command(app, chosen);
  add_config_command(app, chosen);
  add_bridge_command(app, chosen);
  add_demo_command(app, chosen);
  add_list_command(app, chosen);
  add_root_command(app, chosen);
}

/// The deepest subcommand that was named: the one whose help answers the mistake.
const CLI::App& named(const CLI::App& app) {
  const CLI::App* at = &app;
  for (auto below = at->get_subcommands(); !below.empty(); below = at->get_subcommands()) at = below.front();
  return *at;
}

std::string full_name(const CLI::App& app) {
  const auto* parent = app.get_parent();
  return parent ? full_name(*parent) + " " + app.get_name() : app.get_name();
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("Landfall: first trustworthy peers for a peer-to-peer VPN, past a censor", "landfall");
  action chosen;
  add_global_flags(app);
  app.fallthrough(); // before the commands, which inherit it: global flags may stand after them
  add_commands(app, chosen);
  app.require_subcommand(1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) { // --help, --version
    return app.exit(wanted);
  } catch (const CLI::ParseError& wrong) {
    const auto command = full_name(named(app));
    return complain(usage, base::printable(wrong.what(), 400), command, fmt::format("see {} --help", command));
  }
  return chosen();
}

} // namespace

int complain(exit_status status, std::string_view what, std::string_view where, std::string_view to_do) {
  std::string line = "landfall";
  for (const auto part : {what, where, to_do})
    if (!part.empty()) line += fmt::format(": {}", part);
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
  return status;
}

int run_cli(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN); // a reader that went away is an error of that write, not our end
  try {
    return parse_and_run(argc, argv);
  } catch (const std::exception& bug) {
    return complain(usage, "internal error", bug.what(), "please report it");
  }
}

} // namespace landfall::sidecar
