// landfall bridge add | list | remove: the bridge lines kept in STATE/bridges, beside those of the configuration.
//
// A bridge line is a secret shared by few: it is best given on standard input, since arguments are seen by every user
// of the machine and kept by shells. It is shown with --unsafe-logging only.
#include "base/file.hpp"
#include "config/bridge_file.hpp"
#include "config/paths.hpp"
#include "sidecar/configuration.hpp"
#include "sidecar/publishing.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <array>
#include <memory>

namespace landfall::sidecar {

namespace {

namespace json = boost::json;

struct bridge_options {
  std::string configuration;
  std::vector<std::string> words;
  std::size_t number = 0;
  bool json = false;
};

/// The file with its place; complaints about damaged lines are on stderr already.
struct kept {
  std::filesystem::path path;
  config::bridge_file bridges;
};

/// STATE of the configuration that is named or found; without any, of the rule in config/paths.hpp.
std::optional<std::filesystem::path> state_folder(const std::string& configuration) {
  const auto env = config::process_environment();
  if (configuration.empty() && !config::find_configuration(env)) return config::state_path(env, ::geteuid() == 0);
  const auto loaded = load_configuration(configuration);
  const auto* settings = std::get_if<config::settings>(&loaded);
  return settings ? std::optional(settings->sidecar.state) : std::nullopt;
}

std::optional<kept> open(const std::string& configuration) {
  const auto folder = state_folder(configuration);
  if (!folder) return std::nullopt;
  std::vector<std::string> complaints;
  kept out{*folder / "bridges", {}};
  out.bridges = config::bridge_file::load(out.path, complaints);
  for (const auto& complaint : complaints) complain(done, "warning", complaint, {});
  return out;
}

int save(kept& all) {
  auto saved = base::private_folder(all.path.parent_path());
  if (saved) saved = all.bridges.save(all.path);
  return saved ? done : complain(usage, saved.error(), all.path.string());
}

/// Standard input to its end, at most config::max_pasted bytes; one byte more is noticed by the caller's limit.
std::string read_input() {
  if (::isatty(STDIN_FILENO)) fmt::print(stderr, "Paste bridge lines, then Ctrl-D:\n");
  std::string text;
  std::array<char, 4096> piece{};
  while (text.size() <= config::max_pasted) {
    const auto size = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (size <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(size));
  }
  return text;
}

int add(const bridge_options& how) {
  const bool piped = how.words.empty() || (how.words.size() == 1 && how.words.front() == "-");
  const auto text = piped ? read_input() : fmt::format("{}", fmt::join(how.words, " "));
  if (text.size() > config::max_pasted)
    return complain(usage, fmt::format("more than {} KiB were pasted", config::max_pasted / 1024), {}, {});
  auto pasted = config::parse_pasted(text);
  for (const auto& problem : pasted.problems) complain(usage, problem, "landfall bridge add", {});
  if (!pasted.problems.empty()) return complain(usage, "nothing was added", {}, "mend these lines, or leave them out");
  if (pasted.lines.empty()) return complain(usage, "no bridge line was given", {}, "see landfall bridge add --help");
  auto all = open(how.configuration);
  if (!all) return usage;
  std::size_t added = 0;
  for (auto& line : pasted.lines) {
    const auto taken = all->bridges.add(std::move(line));
    if (!taken) return complain(usage, taken.error(), all->path.string());
    if (*taken) ++added;
  }
  if (added > 0)
    if (const int failed = save(*all); failed != done) return failed;
  fmt::print("{} added, {} there already, {} in all\n", added, pasted.lines.size() - added,
             all->bridges.lines().size());
  return done;
}

int list(const bridge_options& how) {
  const auto all = open(how.configuration);
  if (!all) return usage;
  json::array out;
  std::size_t number = 0;
  for (const auto& line : all->bridges.lines()) {
    ++number;
    const std::string transport = line.transport.empty() ? "vanilla" : line.transport;
    const auto shown = fmt::format("{}", base::sensitive(line.reveal()));
    if (how.json)
      out.push_back({{"number", number}, {"transport", transport}, {"far_end", line.usual_far_end()}, {"line", shown}});
    else
      fmt::print("{:>3}  {:<10} {:<8}  {}\n", number, transport, line.usual_far_end(), shown);
  }
  if (how.json) fmt::print("{}\n", json::serialize(json::object{{"bridges", std::move(out)}}));
  return done;
}

int remove(const bridge_options& how) {
  auto all = open(how.configuration);
  if (!all) return usage;
  if (!all->bridges.remove(how.number))
    return complain(usage, fmt::format("there is no bridge {}", how.number), {}, "see landfall bridge list");
  return save(*all);
}

CLI::App* add_subcommand(CLI::App& group, const std::string& name, const std::string& help,
                         const std::shared_ptr<bridge_options>& how, int (*run)(const bridge_options&),
                         action& chosen) {
  auto* command = group.add_subcommand(name, help);
  add_configuration_option(*command, how->configuration);
  command->callback([how, run, &chosen] { chosen = [how, run] { return run(*how); }; });
  return command;
}

} // namespace

void add_bridge_command(CLI::App& app, action& chosen) {
  auto* group = app.add_subcommand("bridge", "Keep bridge lines");
  group->require_subcommand(1);
  group->fallthrough();
  const auto how = std::make_shared<bridge_options>();
  auto* adding =
      add_subcommand(*group, "add", "Keep bridges: lines, bridge:// URIs, or the text of a QR code", how, add, chosen);
  adding->add_option("LINE", how->words, "A line, in one word or several; without it, or as -, standard input is read");
  auto* listing = add_subcommand(*group, "list", "Show the bridges kept", how, list, chosen);
  listing->add_flag("--json", how->json, "Print one JSON object");
  auto* removing = add_subcommand(*group, "remove", "Forget a bridge", how, remove, chosen);
  removing->add_option("NUMBER", how->number, "As shown by 'landfall bridge list'")->required();
}

} // namespace landfall::sidecar
