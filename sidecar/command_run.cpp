#include "config/paths.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/configuration.hpp"
#include "sidecar/managed.hpp"
#include "sidecar/run.hpp"

#include <unistd.h>

#include <memory>

namespace landfall::sidecar {

namespace {

struct run_flags {
  std::string configuration;
  bool exit_with_parent = false, exit_on_stdin_close = false;
  std::optional<pid_t> parent;
};

int run(const run_flags& flags) {
  auto asked = managed_request();
  // A managed proxy needs no configuration, and must not find one by itself: its parent knows of none.
  if (asked && flags.configuration.empty()) return run_managed(std::move(*asked), std::nullopt);
  auto loaded = load_configuration(flags.configuration);
  if (const auto* status = std::get_if<int>(&loaded)) return *status;
  run_options options;
  options.settings = std::move(std::get<config::settings>(loaded));
  options.socket = config::socket_path(config::process_environment(), ::geteuid() == 0);
  options.exit_with_parent = flags.exit_with_parent;
  options.parent = flags.parent;
  options.exit_on_stdin_close = flags.exit_on_stdin_close;
  if (asked) return run_managed(std::move(*asked), std::move(options));
  return run_sidecar(std::move(options));
}

} // namespace

void add_run_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("run", "Run the sidecar in the foreground: local API, list kept fresh");
  auto flags = std::make_shared<run_flags>();
  add_configuration_option(*command, flags->configuration);
  command->add_flag("--exit-with-parent", flags->exit_with_parent, "End when the process that started us ends");
  command->add_option("--parent", flags->parent, "With --exit-with-parent: its pid, so that an early death is noticed")
      ->type_name("PID");
  command->add_flag("--exit-on-stdin-close", flags->exit_on_stdin_close, "End when stdin is closed");
  command->callback([flags, &chosen] { chosen = [flags] { return run(*flags); }; });
}

} // namespace landfall::sidecar
