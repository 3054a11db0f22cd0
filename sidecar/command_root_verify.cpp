// landfall root verify | show.
#include "base/clock.hpp"
#include "base/log.hpp"
#include "crypto/hash.hpp"
#include "sidecar/command_root.hpp"
#include "trust/limits.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace landfall::sidecar {

namespace {

namespace json = boost::json;

void print_as_json(const base::failure* refused, const trust::verified<trust::root>* root, bool expired) {
  json::array signers;
  if (root)
    for (const auto& id : root->signers()) signers.emplace_back(id);
  const auto either = [&](auto value) { return root ? json::value(value()) : json::value(nullptr); };
  const json::object out{{"verdict", refused ? "refused" : "accepted"},
                         {"error", refused ? json::value(base::name(refused->what)) : json::value(nullptr)},
                         {"type", either([] { return "root"; })},
                         {"network", either([&] { return (*root)->network; })},
                         {"version", either([&] { return (*root)->version; })},
                         {"epoch", either([&] { return (*root)->epoch; })},
                         {"expired", either([&] { return expired; })},
                         {"payload_sha256", either([&] { return root->id().hex(); })},
                         {"signers", std::move(signers)}};
  fmt::print("{}\n", json::serialize(out));
}

void print(const trust::verified<trust::root>& root, bool expired) {
  fmt::print("accepted\nroot {} of network {}, epoch {}, {}\n", root->version, base::printable(root->network),
             root->epoch, expired ? "expired " + utc(root->expires) : "valid until " + utc(root->expires));
  fmt::print("SHA-256 of the payload {}\n", root.id().hex());
  for (const auto& id : root.signers()) fmt::print("signed by {}\n", id);
}

int refuse(const root_question& how, const base::failure& why) {
  if (why.what == base::outcome::local_error) return complain(usage, why, {});
  if (how.json)
    print_as_json(&why, nullptr, false);
  else
    fmt::print("refused {}\n", base::name(why.what));
  return complain(untrusted, why, {});
}

base::result<trust::state> follow(const root_question& how, base::unix_time now) {
  const auto roots = read_roots(how.files);
  if (!roots) return roots.error();
  auto begun = begin_trust({how.network}, *roots);
  if (!begun) return begun.error();
  if (auto followed = follow_roots(*begun, *roots, now); !followed) return followed.error();
  if (begun->root()->version < roots->back().version)
    return base::fail(
        base::outcome::root_needed,
        fmt::format("one run takes {} steps; the last of these roots is further away", trust::max_root_steps));
  return begun;
}

void print_role(const json::object& roles, std::string_view name) {
  const auto* role = roles.if_contains(name);
  if (!role || !role->is_object()) return;
  const auto& members = role->as_object();
  fmt::print("\n{} role: {} of these keys\n", name, number_of(members, "threshold").value_or(0));
  if (const auto* ids = members.if_contains("keyids"); ids && ids->is_array())
    for (const auto& id : ids->as_array())
      fmt::print("  {}\n", id.is_string() ? base::printable(std::string_view(id.as_string())) : "?");
  if (name == "list")
    fmt::print("  epoch {}, min_version {}\n", number_of(members, "epoch").value_or(0),
               number_of(members, "min_version").value_or(0));
}

} // namespace

int verify_roots(const root_question& how) {
  const auto now = how.now.value_or(base::system_clock().wall());
  const auto chain = follow(how, now);
  if (!chain) return refuse(how, chain.error());
  const auto& root = chain->root();
  const bool expired = now > root->expires;
  if (how.json)
    print_as_json(nullptr, &root, expired);
  else
    print(root, expired);
  return done;
}

int show_root(const root_question& how) {
  const auto& path = how.files.front();
  const auto bytes = read_document(path);
  if (!bytes) return complain(usage, bytes.error(), path);
  const auto document = read_unchecked(*bytes);
  if (!document) return complain(usage, document.error(), path);
  if (document->envelope.type != trust::document_type::root)
    return complain(usage, "this is not a root", path, "use 'landfall list show'");
  const auto& payload = document->payload;
  const auto id = crypto::sha256(document->envelope.payload).hex();
  if (how.json) {
    json::array signers;
    for (const auto& keyid : document->envelope.claimed_signers) signers.emplace_back(keyid);
    fmt::print(
        "{}\n",
        json::serialize(json::object{
            {"verified", false}, {"payload_sha256", id}, {"signers", std::move(signers)}, {"payload", payload}}));
    return done;
  }
  fmt::print("UNVERIFIED: anyone may have written this; 'landfall root verify' verifies a chain\n");
  fmt::print("root {} of network {}\nissued {}, expires {}\nSHA-256 of the payload {}\n",
             number_of(payload, "version").value_or(0), base::printable(text_of(payload, "network")),
             utc(number_of(payload, "issued").value_or(0)), utc(number_of(payload, "expires").value_or(0)), id);
  for (const auto& keyid : document->envelope.claimed_signers)
    fmt::print("says it is signed by {}\n", base::printable(keyid));
  if (const auto* roles = payload.if_contains("roles"); roles && roles->is_object())
    for (const auto* name : {"root", "list"}) print_role(roles->as_object(), name);
  if (const auto* dht = payload.if_contains("dht"); dht && dht->is_object())
    fmt::print("\nDHT key {}, salt {}\n", base::printable(text_of(dht->as_object(), "k")),
               base::printable(text_of(dht->as_object(), "salt")));
  return done;
}

} // namespace landfall::sidecar
