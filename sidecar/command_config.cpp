// landfall config import: an earlier client's JSON as landfall.toml on stdout. Reads that file alone; writes nothing.
#include "base/file.hpp"
#include "config/import.hpp"
#include "sidecar/publishing.hpp"

#include <fmt/format.h>

#include <memory>

namespace landfall::sidecar {

namespace {

int import_file(const std::string& file) {
  const auto text = base::read_file(file, config::max_configuration_size);
  if (!text) return complain(usage, text.error(), file);
  const auto made = config::import_json(*text, file);
  for (const auto& problem : made.problems) complain(usage, problem.to_string(), {}, {});
  if (!made.problems.empty()) return usage;
  fmt::print("{}", made.toml);
  return done;
}

} // namespace

void add_config_command(CLI::App& app, action& chosen) {
  auto* group = app.add_subcommand("config", "Turn other configurations into landfall.toml");
  group->require_subcommand(1);
  group->fallthrough();
  const auto file = std::make_shared<std::string>();
  auto* import = group->add_subcommand("import", "Print the JSON of an earlier client as landfall.toml");
  import->add_option("FILE", *file, "The JSON, of which every member is taken, commented on, or refused")->required();
  import->callback([file, &chosen] { chosen = [file] { return import_file(*file); }; });
}

} // namespace landfall::sidecar
