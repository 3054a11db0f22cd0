#include "sidecar/configuration.hpp"

#include "config/bridge_file.hpp"
#include "config/paths.hpp"
#include "sidecar/cli.hpp"

#include <algorithm>

namespace landfall::sidecar {

void add_configuration_option(CLI::App& command, std::string& file) {
  command
      .add_option("-c,--config", file,
                  "The configuration; without it LANDFALL_CONFIG, ~/.config/landfall/landfall.toml or "
                  "/etc/landfall/landfall.toml")
      ->type_name("FILE");
}

namespace {

/// Those of `landfall bridge add` join the configured ones. What is wrong in their file `landfall bridge list` says,
/// and `check`.
void add_kept_bridges(config::settings& settings) {
  std::vector<std::string> complaints;
  const auto kept = config::bridge_file::load(settings.sidecar.state / "bridges", complaints);
  for (const auto& line : kept.lines()) {
    config::bridge_settings one{base::sensitive(line.reveal()), std::string(line.usual_far_end())};
    const auto same = [&one](const config::bridge_settings& other) { return other.line == one.line; };
    if (std::ranges::none_of(settings.bridges, same)) settings.bridges.push_back(std::move(one));
  }
}

} // namespace

config::loaded find_and_load(const std::string& file) {
  const auto env = config::process_environment();
  const auto path = file.empty() ? config::find_configuration(env) : std::filesystem::path(file);
  if (!path) {
    const config::problem none{"configuration", 0, {}, "there is none; name one with -c FILE or in LANDFALL_CONFIG"};
    return {std::nullopt, {none}};
  }
  auto out = config::load_settings(*path, {env("LANDFALL_STATE"), env("LANDFALL_EXPOSURE")});
  if (out.settings) add_kept_bridges(*out.settings);
  return out;
}

std::variant<config::settings, int> load_configuration(const std::string& file) {
  auto read = find_and_load(file);
  if (read.settings) return std::move(*read.settings);
  for (const auto& problem : read.problems) complain(usage, problem.to_string(), {}, {});
  return static_cast<int>(usage);
}

} // namespace landfall::sidecar
