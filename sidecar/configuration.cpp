#include "sidecar/configuration.hpp"

#include "config/paths.hpp"
#include "sidecar/cli.hpp"

namespace landfall::sidecar {

void add_configuration_option(CLI::App& command, std::string& file) {
  command
      .add_option("-c,--config", file,
                  "The configuration; without it LANDFALL_CONFIG, ~/.config/landfall/landfall.toml or "
                  "/etc/landfall/landfall.toml")
      ->type_name("FILE");
}

config::loaded find_and_load(const std::string& file) {
  const auto env = config::process_environment();
  const auto path = file.empty() ? config::find_configuration(env) : std::filesystem::path(file);
  if (!path) {
    const config::problem none{"configuration", 0, {}, "there is none; name one with -c FILE or in LANDFALL_CONFIG"};
    return {std::nullopt, {none}};
  }
  return config::load_settings(*path, {env("LANDFALL_STATE"), env("LANDFALL_EXPOSURE")});
}

std::variant<config::settings, int> load_configuration(const std::string& file) {
  auto read = find_and_load(file);
  if (read.settings) return std::move(*read.settings);
  for (const auto& problem : read.problems) complain(usage, problem.to_string(), {}, {});
  return static_cast<int>(usage);
}

} // namespace landfall::sidecar
