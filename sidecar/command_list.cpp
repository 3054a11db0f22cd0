// landfall list keygen | build | sign | verify | show: the registration, keygen, and what is too small for a file.
#include "sidecar/command_list.hpp"

#include "base/file.hpp"
#include "sidecar/keys.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

namespace landfall::sidecar {

namespace {

struct keygen_options {
  std::string out, passphrase_file, demo;
  bool force = false;
};

int keygen(const keygen_options& how) {
  const std::string secret_path = how.out + ".pem", public_path = how.out + ".pub";
  std::error_code ignored;
  for (const auto& path : {secret_path, public_path})
    if (!how.force && std::filesystem::exists(path, ignored))
      return complain(usage, "a key is there already", path, "give another name, or --force to lose that key for ever");
  const auto passphrase = read_passphrase(how.passphrase_file, true);
  if (!passphrase) return complain(usage, passphrase.error(), {});
  const auto key = how.demo.empty() ? crypto::composite_secret_key::generate() : demo_key(how.demo);
  if (auto written = base::write_file(secret_path, key.to_encrypted_pem(passphrase->reveal())); !written)
    return complain(usage, written.error(), secret_path);
  if (auto written = write_public(public_path, public_key_file(key.public_key()), true); !written)
    return complain(usage, written.error(), public_path);
  fmt::print("keyid  {}\npublic {}\nsecret {} (encrypted; keep it offline)\n", key.public_key().id(), public_path,
             secret_path);
  return done;
}

void add_keygen(CLI::App& group, action& chosen) {
  const auto how = std::make_shared<keygen_options>();
  auto* command = group.add_subcommand("keygen", "Make a signing key: NAME.pub and the encrypted NAME.pem");
  command->add_option("--out", how->out, "Folder and name of the two files, without suffix")
      ->required()
      ->type_name("DIR/NAME");
  add_passphrase_option(*command, how->passphrase_file);
  command->add_flag("--force", how->force, "Replace a key that is there");
  // Hidden from the help: for script/make-demo-seeds, and worthless as a secret.
  command->add_option("--public-demo-key", how->demo, "The demo key of this name, which everybody has")->group("");
  command->callback([how, &chosen] { chosen = [how] { return keygen(*how); }; });
}

void add_build(CLI::App& group, action& chosen) {
  const auto how = std::make_shared<build_options>();
  auto* command =
      group.add_subcommand("build", "Make an unsigned list from a readable description of peers, servers and routes");
  command->add_option("--from", how->from, "The description: TOML, or JSON when its name ends in .json")
      ->required()
      ->type_name("FILE");
  command->add_option("--out", how->out, "Where the unsigned list goes")->required()->type_name("FILE");
  command->add_option("--root", how->root, "Take network, epoch and root version from this root document")
      ->type_name("FILE");
  command->add_option("--network", how->network, "Network id")->type_name("ID");
  command->add_option("--channel", how->channel, "Channel")
      ->capture_default_str()
      ->check(name_problem)
      ->type_name("NAME");
  command->add_option("--epoch", how->epoch, "Epoch of the root's list role")->type_name("N");
  command->add_option("--version", how->version, "Version, above every earlier one of this epoch")
      ->required()
      ->type_name("N");
  command->add_option("--root-version", how->root_version, "Version of the root that clients need")->type_name("N");
  add_issued_option(*command, how->issued);
  add_duration_option(*command, "--fresh", how->fresh, "How long it counts as fresh");
  add_duration_option(*command, "--life", how->life, "How long it is valid, at most 31d");
  command->add_flag("--lab", how->lab, "Allow private and loopback addresses");
  command->add_flag("--force", how->force, "Replace the file that is there");
  command->callback([how, &chosen] { chosen = [how] { return build_list(*how); }; });
}

void add_verify(CLI::App& group, action& chosen) {
  const auto how = std::make_shared<verify_options>();
  auto* command = group.add_subcommand(
      "verify", "Say whether a list is to be believed: first line 'accepted TIER' or 'refused NAME'");
  command->add_option("FILE", how->file, "The list")->required();
  add_trust_options(*command, *how);
  command->get_option("--root")->required();
  command->add_option("--state", how->state, "Folder of what was accepted before: read, and written on acceptance")
      ->type_name("DIR");
  command->add_option("--list", how->list, "For a live list: the list that names its server")->type_name("FILE");
  command->callback([how, &chosen] { chosen = [how] { return verify_list_file(*how); }; });
}

void add_show(CLI::App& group, action& chosen) {
  const auto how = std::make_shared<verify_options>();
  auto* command = group.add_subcommand("show", "Print a list; UNVERIFIED unless --root is given");
  command->add_option("FILE", how->file, "The list")->required();
  add_trust_options(*command, *how);
  command->callback([how, &chosen] { chosen = [how] { return show_list_file(*how); }; });
}

} // namespace

void add_passphrase_option(CLI::App& command, std::string& target) {
  command
      .add_option("--passphrase-file", target,
                  "The passphrase's file, or - for standard input; without it the terminal is asked")
      ->type_name("FILE|-");
}

void add_issued_option(CLI::App& command, std::optional<std::int64_t>& target) {
  command.add_option("--issued", target, "Time of issue; without it, now")
      ->check(CLI::NonNegativeNumber)
      ->type_name("UNIX");
}

void add_duration_option(CLI::App& command, const std::string& name, std::string& target, const std::string& help) {
  command.add_option(name, target, help)->capture_default_str()->check(duration_problem)->type_name("DURATION");
}

void add_sign_command(CLI::App& group, trust::document_type type, action& chosen) {
  const auto how = std::make_shared<signing>();
  auto* command = group.add_subcommand("sign", "Add one signature");
  command->add_option("FILE", how->path, "The document")->required();
  command->add_option("--key", how->key_path, "NAME.pem of 'landfall list keygen'")->required()->type_name("FILE");
  command->add_option("--out", how->out, "Where the signed document goes; without it, in place")->type_name("FILE");
  command->add_flag("--force", how->force, "Replace the file at --out");
  add_passphrase_option(*command, how->passphrase_file);
  command->callback([how, type, &chosen] { chosen = [how, type] { return sign_document(type, *how); }; });
}

void add_trust_options(CLI::App& command, verify_options& how) {
  command.add_option("--root", how.roots, "A root document; repeated for a chain, in any order")
      ->type_name("FILE")
      ->expected(1);
  command.get_option("--root")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_option("--channel", how.channel, "The channel that is wanted")->capture_default_str()->type_name("NAME");
  command.add_option("--now", how.now, "Judge as at this time; without it, the clock")
      ->check(CLI::NonNegativeNumber)
      ->type_name("UNIX");
  command.add_flag("--lab", how.lab, "Allow private and loopback addresses");
  command.add_flag("--json", how.json, "Print one JSON object");
}

void add_list_command(CLI::App& app, action& chosen) {
  auto* group = app.add_subcommand("list", "Make, sign, verify and show lists");
  group->require_subcommand(1);
  group->fallthrough();
  add_keygen(*group, chosen);
  add_build(*group, chosen);
  add_sign_command(*group, trust::document_type::list, chosen);
  add_verify(*group, chosen);
  add_show(*group, chosen);
}

} // namespace landfall::sidecar
