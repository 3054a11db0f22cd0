// landfall list show: a list for people. Everything printed came from outside and may hold what a terminal obeys, so
// all of it goes through base::printable.
#include "base/log.hpp"
#include "crypto/hash.hpp"
#include "sidecar/command_list.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace landfall::sidecar {

namespace {

namespace json = boost::json;

const json::array& array_of(const json::object& object, std::string_view name) {
  static const json::array none;
  const auto* found = object.if_contains(name);
  return found && found->is_array() ? found->as_array() : none;
}

/// Any value on one line: texts bare, arrays by comma.
std::string cell(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  if (!found) return "-";
  if (found->is_string()) return base::printable(std::string_view(found->as_string()), 60);
  if (!found->is_array()) return base::printable(json::serialize(*found), 60);
  std::string out;
  for (const auto& item : found->as_array()) {
    if (!out.empty()) out += ',';
    out += item.is_string() ? std::string(item.as_string()) : json::serialize(item);
  }
  return base::printable(out, 120);
}

std::string date(const json::object& object, std::string_view name) {
  const auto at = number_of(object, name);
  return at ? utc(*at) : "-";
}

void print_heading(const unchecked& document) {
  const auto& list = document.payload;
  fmt::print("{} of network {}, channel {}: epoch {}, version {}, for root {}\n", cell(list, "type"),
             cell(list, "network"), cell(list, "channel"), cell(list, "epoch"), cell(list, "version"),
             cell(list, "root_version"));
  fmt::print("issued {}, fresh until {}, expires {}\n", date(list, "issued"), date(list, "fresh_until"),
             date(list, "expires"));
  fmt::print("SHA-256 of the payload {}\n", crypto::sha256(document.envelope.payload).hex());
}

void print_tables(const json::object& list) {
  fmt::print("\n{} peers\n", array_of(list, "peers").size());
  if (!array_of(list, "peers").empty())
    fmt::print("{:<43}  {:>7} {:<2}  {:>6}  endpoints\n", "id", "asn", "cc", "weight");
  for (const auto& item : array_of(list, "peers"))
    if (const auto* peer = item.if_object())
      fmt::print("{:<43}  {:>7} {:<2}  {:>6}  {}\n", cell(*peer, "id"), cell(*peer, "asn"), cell(*peer, "cc"),
                 cell(*peer, "weight"), cell(*peer, "endpoints"));
  fmt::print("\n{} servers\n", array_of(list, "servers").size());
  for (const auto& item : array_of(list, "servers"))
    if (const auto* server = item.if_object())
      fmt::print("{}  {}  {}\n", cell(*server, "keyid"), cell(*server, "region"), cell(*server, "url"));
  fmt::print("\n{} routes\n", array_of(list, "routes").size());
  for (const auto& item : array_of(list, "routes"))
    if (const auto* route = item.if_object())
      fmt::print("tier {}  {:<7}  {}  {}\n", cell(*route, "tier"), cell(*route, "kind"), cell(*route, "url"),
                 cell(*route, "fronts"));
  if (const auto& revoked = array_of(list, "revoked"); !revoked.empty())
    fmt::print("\n{} revoked: {}\n", revoked.size(), cell(list, "revoked"));
}

void print_as_json(const unchecked& document, const std::optional<judgement>& said) {
  json::array signers;
  for (const auto& id : said ? said->signers : document.envelope.claimed_signers) signers.emplace_back(id);
  const json::object out{{"verified", said && said->accepted},
                         {"tier", said && said->accepted ? json::value(said->tier) : json::value(nullptr)},
                         {"payload_sha256", crypto::sha256(document.envelope.payload).hex()},
                         {"signers", std::move(signers)},
                         {"payload", document.payload}};
  fmt::print("{}\n", json::serialize(out));
}

} // namespace

int show_list_file(const verify_options& how) {
  const auto bytes = read_document(how.file);
  if (!bytes) return complain(usage, bytes.error(), how.file);
  const auto document = read_unchecked(*bytes);
  if (!document) return complain(usage, document.error(), how.file);
  if (document->envelope.type == trust::document_type::root)
    return complain(usage, "this is a root, not a list", how.file, "use 'landfall root show'");
  std::optional<judgement> said;
  if (!how.roots.empty()) {
    const auto judged = judge_list(how, *bytes);
    if (!judged) return complain(usage, judged.error(), {});
    said = *judged;
    if (!said->accepted) return complain(untrusted, said->refused, how.file);
  }
  if (how.json) {
    print_as_json(*document, said);
    return done;
  }
  if (said)
    fmt::print("verified, tier {}\n", said->tier);
  else
    fmt::print("UNVERIFIED: anyone may have written this; give --root to verify it\n");
  print_heading(*document);
  for (const auto& id : said ? said->signers : document->envelope.claimed_signers)
    fmt::print("{} {}\n", said ? "signed by" : "says it is signed by", base::printable(id));
  print_tables(document->payload);
  return done;
}

} // namespace landfall::sidecar
