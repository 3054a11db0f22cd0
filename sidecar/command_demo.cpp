// landfall demo: the command line of it.
#include "sidecar/cli.hpp"
#include "sidecar/demo.hpp"

#include <fmt/format.h>

#include <memory>
#include <string>

namespace landfall::sidecar {

namespace {

/// What the demo's network is like; later versions bring other censors.
constexpr std::string_view only_profile = "default";

struct demo_flags {
  demo_options how;
  std::string profile{only_profile};
};

int demo(const demo_flags& flags) {
  if (flags.profile != only_profile)
    return complain(usage, fmt::format("there is no profile '{}'", flags.profile), "landfall demo --profile",
                    fmt::format("there is '{}'", only_profile));
  return run_demo(flags.how);
}

} // namespace

void add_demo_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand(
      "demo", "A small internet on loopback, a censor in it, the sidecar, and discovery.py asking for peers");
  const auto flags = std::make_shared<demo_flags>();
  command->add_flag("--once", flags->how.once, "End when there are peers; without it the demo stays up until Ctrl-C");
  command->add_flag("--json", flags->how.json, "Print one JSON object on stdout");
  command->add_option("--profile", flags->profile, "What the censor does")->capture_default_str()->type_name("NAME");
  command->callback([flags, &chosen] { chosen = [flags] { return demo(*flags); }; });
}

} // namespace landfall::sidecar
