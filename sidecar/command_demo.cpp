// landfall demo: the command line of it.
#include "crypto/hash.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/demo.hpp"
#include "sidecar/demo_internet.hpp"
#include "sidecar/demo_tor_network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>

namespace landfall::sidecar {

namespace {

struct demo_flags {
  demo_options how;
  std::optional<std::uint32_t> seed;
};

std::string profile_names() {
  std::string out;
  for (const auto& one : demo_profiles()) out += fmt::format("{}, ", one.name);
  return out + std::string(onion_profile.name);
}

std::string profile_list() {
  std::string out = "Profiles of the censor (docs/CENSOR.md):";
  for (const auto& one : demo_profiles()) out += fmt::format("\n  {:<17} {}", one.name, one.about);
  return out + fmt::format("\nAnother one, which needs the package 'tor':\n  {:<17} {}", onion_profile.name,
                           onion_profile.about);
}

int demo(const demo_flags& flags) {
  auto how = flags.how;
  const auto known = [&how](const demo_profile& one) { return one.name == how.profile; };
  const bool onion = known(onion_profile);
  if (onion && flags.seed)
    return complain(usage, "its censor draws nothing", "landfall demo --seed", "leave --seed out");
  if (!how.profile.empty() && !onion && std::ranges::none_of(demo_profiles(), known))
    return complain(usage, fmt::format("there is no profile '{}'", how.profile), "landfall demo --profile",
                    "there are " + profile_names());
  const auto possible = onion ? demo_tor_network::possible() : base::result<void>();
  if (!possible)
    return complain(usage, possible.error().detail, "landfall demo --profile onion",
                    "install the package 'tor' (apt-get install tor); it need not run");
  how.seed = flags.seed ? *flags.seed : crypto::random_below(std::numeric_limits<std::uint32_t>::max());
  return run_demo(std::move(how));
}

} // namespace

void add_demo_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand(
      "demo", "A small internet on loopback, a censor in it, the sidecar, and discovery.py asking for peers");
  const auto flags = std::make_shared<demo_flags>();
  command->add_flag("--once", flags->how.once, "End when there are peers; without it the demo stays up until Ctrl-C");
  command->add_flag("--json", flags->how.json, "Print one JSON object on stdout");
  auto* profile =
      command->add_option("--profile", flags->how.profile, "What the censor does, as below")->type_name("NAME");
  command->add_option("--seed", flags->seed, "What the censor draws; without it a new one, which is printed")
      ->needs(profile)
      ->type_name("N");
  command->footer(profile_list);
  command->callback([flags, &chosen] { chosen = [flags] { return demo(*flags); }; });
}

} // namespace landfall::sidecar
