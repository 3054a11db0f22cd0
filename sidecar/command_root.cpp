// landfall root init | sign | rotate | verify | show: the registration, init and rotate.
//
// Root N+1 must hold the thresholds of N and of N+1, so rotate says whose signatures are still to come.
#include "sidecar/command_root.hpp"

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "sidecar/command_list.hpp"
#include "sidecar/keys.hpp"
#include "trust/limits.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <map>
#include <memory>

namespace landfall::sidecar {

namespace {

namespace json = boost::json;
using key_table = std::map<crypto::key_id, std::string>; // keyid to base64 of the key

base::failure wrong(std::string why) { return base::fail(base::outcome::malformed, std::move(why)); }

/// The keyids of these .pub files; their keys join `keys`.
base::result<json::array> read_keys(const std::vector<std::string>& paths, key_table& keys) {
  json::array ids;
  for (const auto& path : paths) {
    const auto key = read_public_key(path);
    if (!key) return key.error();
    keys[key->id()] = base::to_base64(key->bytes());
    ids.emplace_back(key->id());
  }
  return ids;
}

/// Only the keys that a role names: a root carries nothing that nobody needs.
json::object keys_of(const json::object& roles, const key_table& keys) {
  json::object out;
  for (const auto* role : {"root", "list"})
    for (const auto& id : roles.at(role).at("keyids").as_array())
      if (const auto found = keys.find(std::string(id.as_string())); found != keys.end())
        out[found->first] = json::object{{"alg", "mldsa65-ed25519"}, {"pk", found->second}};
  return out;
}

base::result<void> set_role(json::object& role, const std::vector<std::string>& paths,
                            std::optional<std::int64_t> threshold, key_table& keys) {
  if (!paths.empty()) {
    auto ids = read_keys(paths, keys);
    if (!ids) return ids.error();
    role["keyids"] = std::move(*ids);
  }
  if (threshold) role["threshold"] = *threshold;
  return {};
}

void set_dht(json::object& payload, const root_options& how) {
  if (!how.dht_key && !how.dht_salt) return;
  auto* before = payload.if_contains("dht");
  json::object dht =
      before && before->is_object() ? before->as_object() : json::object{{"k", ""}, {"salt", "landfall1"}};
  if (how.dht_key) dht["k"] = *how.dht_key;
  if (how.dht_salt) dht["salt"] = *how.dht_salt;
  payload["dht"] = std::move(dht);
}

/// Checks, wraps and writes; says what it has become.
int write_root(const json::object& payload, const root_options& how) {
  const auto text = json::serialize(payload);
  const auto type = trust::document_type::root;
  if (auto good = trust::check_payload(type, text, true); !good) return complain(usage, good.error(), how.out);
  if (auto written = write_public(how.out, trust::make_envelope(type, text), how.force); !written)
    return complain(usage, written.error(), how.out);
  fmt::print("{}: root {} of network {}, {} keys, epoch {}, expires {}; with 2 signatures {} bytes\n", how.out,
             *number_of(payload, "version"), text_of(payload, "network"), payload.at("keys").as_object().size(),
             payload.at("roles").at("list").at("epoch").as_int64(), utc(*number_of(payload, "expires")),
             sizes_of(type, text.size(), 2).envelope);
  return done;
}

void say_signers(std::string_view whose, const json::object& roles) {
  const auto& role = roles.at("root").as_object();
  fmt::print("to be signed by {} of {}\n", *number_of(role, "threshold"), whose);
  for (const auto& id : role.at("keyids").as_array()) fmt::print("  {}\n", std::string_view(id.as_string()));
}

base::result<json::object> next_root(const unchecked& current, const root_options& how) {
  auto payload = current.payload;               // members that we do not know stay
  auto roles = payload.at("roles").as_object(); // a copy: writing a member may move all others
  key_table keys;
  for (const auto& [id, key] : payload.at("keys").as_object())
    keys[std::string(id)] = std::string(key.at("pk").as_string());
  if (auto set = set_role(roles.at("root").as_object(), how.root_keys, how.root_threshold, keys); !set)
    return set.error();
  auto& list = roles.at("list").as_object();
  if (auto set = set_role(list, how.list_keys, how.list_threshold, keys); !set) return set.error();
  const auto epoch = how.epoch.value_or(*number_of(list, "epoch"));
  if (epoch < *number_of(list, "epoch")) return wrong("--epoch must not fall");
  list["epoch"] = epoch;
  if (how.min_version) list["min_version"] = *how.min_version;
  const auto issued = how.issued.value_or(base::system_clock().wall());
  payload["version"] = *number_of(payload, "version") + 1;
  payload["issued"] = issued;
  payload["expires"] = issued + *parse_duration(how.life);
  set_dht(payload, how);
  payload["keys"] = keys_of(roles, keys);
  payload["roles"] = std::move(roles);
  return payload;
}

void add_root_options(CLI::App& command, root_options& how, bool first) {
  const auto many = CLI::MultiOptionPolicy::TakeAll;
  auto* root_keys =
      command.add_option("--root-key", how.root_keys, "A root key's NAME.pub; repeated")->type_name("FILE");
  auto* list_keys =
      command.add_option("--list-key", how.list_keys, "A list key's NAME.pub; repeated")->type_name("FILE");
  for (auto* keys : {root_keys, list_keys}) keys->expected(1)->multi_option_policy(many)->required(first);
  for (auto* threshold :
       {command.add_option("--root-threshold", how.root_threshold, "How many root keys must sign a root"),
        command.add_option("--list-threshold", how.list_threshold, "How many list keys must sign a list")})
    threshold->type_name("K")->check(CLI::PositiveNumber)->required(first);
  command.add_option("--epoch", how.epoch, "A higher one ends every list of the epochs before")->type_name("N");
  command.add_option("--min-version", how.min_version, "Lists below it are refused")->type_name("N");
  add_issued_option(command, how.issued);
  add_duration_option(command, "--life", how.life, "How long it is valid");
  command.add_option("--dht-key", how.dht_key, "Ed25519 key of the DHT pointer, 64 hex digits")->type_name("HEX");
  command.add_option("--dht-salt", how.dht_salt, "Salt of the DHT pointer")->type_name("TEXT");
  command.add_option("--out", how.out, "Where the unsigned root goes")->required()->type_name("FILE");
  command.add_flag("--force", how.force, "Replace the file that is there");
}

void add_questions(CLI::App& group, action& chosen) {
  const auto verify = std::make_shared<root_question>();
  auto* command =
      group.add_subcommand("verify", "Say whether roots form a chain that is to be believed from its first on");
  command->add_option("FILE", verify->files, "The roots, in any order")->required();
  command->add_option("--network", verify->network, "The network that is wanted; without it, the first root's")
      ->type_name("ID");
  command->add_option("--now", verify->now, "Judge as at this time; without it, the clock")->type_name("UNIX");
  command->add_flag("--json", verify->json, "Print one JSON object");
  command->callback([verify, &chosen] { chosen = [verify] { return verify_roots(*verify); }; });

  const auto show = std::make_shared<root_question>();
  command = group.add_subcommand("show", "Print a root, not verified");
  command->add_option("FILE", show->files, "The root")->required()->expected(1);
  command->add_flag("--json", show->json, "Print one JSON object");
  command->callback([show, &chosen] { chosen = [show] { return show_root(*show); }; });
}

} // namespace

int init_root(const root_options& how) {
  key_table keys;
  json::object root_role{{"keyids", json::array()}, {"threshold", 0}}, list_role = root_role;
  if (auto set = set_role(root_role, how.root_keys, how.root_threshold, keys); !set)
    return complain(usage, set.error(), {});
  if (auto set = set_role(list_role, how.list_keys, how.list_threshold, keys); !set)
    return complain(usage, set.error(), {});
  list_role["epoch"] = how.epoch.value_or(1);
  list_role["min_version"] = how.min_version.value_or(1);
  const json::object roles{{"root", root_role}, {"list", list_role}};
  const auto issued = how.issued.value_or(base::system_clock().wall());
  json::object payload{{"type", "root"},
                       {"spec", 1},
                       {"network", how.network},
                       {"version", 1},
                       {"issued", issued},
                       {"expires", issued + *parse_duration(how.life)},
                       {"keys", keys_of(roles, keys)},
                       {"roles", roles}};
  set_dht(payload, how);
  const int status = write_root(payload, how);
  if (status == done) say_signers("its own root keys", roles);
  return status;
}

int rotate_root(const root_options& how) {
  const auto bytes = read_document(how.current);
  if (!bytes) return complain(usage, bytes.error(), how.current);
  const auto current = read_unchecked(*bytes);
  if (!current) return complain(usage, current.error(), how.current);
  if (current->envelope.type != trust::document_type::root)
    return complain(usage, "this is not a root", how.current, "give the newest root document");
  if (auto good = trust::check_payload(trust::document_type::root, current->envelope.payload, true); !good)
    return complain(usage, good.error(), how.current);
  const auto payload = next_root(*current, how);
  if (!payload) return complain(usage, payload.error(), how.current);
  const int status = write_root(*payload, how);
  if (status != done) return status;
  say_signers("the root keys before", current->payload.at("roles").as_object());
  say_signers("the root keys from now on", payload->at("roles").as_object());
  return done;
}

void add_root_command(CLI::App& app, action& chosen) {
  auto* group = app.add_subcommand("root", "Make, sign, rotate, verify and show roots");
  group->require_subcommand(1);
  group->fallthrough();

  const auto first = std::make_shared<root_options>();
  auto* init = group->add_subcommand("init", "Make the unsigned first root of a network");
  init->add_option("--network", first->network, "Network id")->required()->check(name_problem)->type_name("ID");
  add_root_options(*init, *first, true);
  init->callback([first, &chosen] { chosen = [first] { return init_root(*first); }; });

  add_sign_command(*group, trust::document_type::root, chosen);

  const auto next = std::make_shared<root_options>();
  auto* rotate = group->add_subcommand("rotate", "Make the unsigned root N+1 from root N; what is not given stays");
  rotate->add_option("CURRENT", next->current, "Root N")->required();
  add_root_options(*rotate, *next, false);
  rotate->callback([next, &chosen] { chosen = [next] { return rotate_root(*next); }; });

  add_questions(*group, chosen);
}

} // namespace landfall::sidecar
