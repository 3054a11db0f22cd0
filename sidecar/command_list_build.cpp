// landfall list build: a description that people write, as TOML or JSON, to the payload that is signed.
//
// The description has the members of the list that people decide on, under the same names (docs/FORMATS.md): [[peers]],
// [[servers]], [[routes]], revoked. What is left out of a peer gets its default. What is not known is refused, with its
// line: a typing error in a signed document is there for its whole life.
#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "sidecar/command_list.hpp"
#include "trust/limits.hpp"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <span>

namespace landfall::sidecar {

namespace {

namespace json = boost::json;

constexpr std::size_t max_description = 1024 * 1024;
constexpr std::string_view top_members[] = {"peers", "revoked", "servers", "routes"};
constexpr std::string_view peer_members[] = {"id", "endpoints", "roles", "asn", "cc", "seen", "weight"};
constexpr std::string_view server_members[] = {"keyid", "url", "region"};

base::failure wrong(std::string why) { return base::fail(base::outcome::malformed, std::move(why)); }

base::result<json::value> to_json(const toml::node& node) {
  if (const auto* text = node.as_string()) return json::value(text->get());
  if (const auto* number = node.as_integer()) return json::value(number->get());
  if (const auto* flag = node.as_boolean()) return json::value(flag->get());
  if (const auto* array = node.as_array()) {
    json::array out;
    for (const auto& item : *array) {
      auto value = to_json(item);
      if (!value) return value.error();
      out.push_back(std::move(*value));
    }
    return json::value(std::move(out));
  }
  if (const auto* table = node.as_table()) {
    json::object out;
    for (const auto& [name, item] : *table) {
      auto value = to_json(item);
      if (!value) return value.error();
      out[std::string(name.str())] = std::move(*value);
    }
    return json::value(std::move(out));
  }
  return wrong(fmt::format("line {}: only texts, integers, true and false, arrays and tables are known",
                           node.source().begin.line));
}

base::result<json::object> read_description(const std::string& path) {
  const auto text = base::read_file(path, max_description);
  if (!text) return text.error();
  base::result<json::value> value = json::value();
  if (path.ends_with(".json")) {
    value = base::parse_json(*text, trust::max_depth);
  } else {
    const auto parsed = toml::parse(*text, path);
    if (!parsed)
      return wrong(fmt::format("line {}: {}", parsed.error().source().begin.line, parsed.error().description()));
    value = to_json(parsed.table());
  }
  if (!value) return value.error();
  if (!value->is_object()) return wrong("the description is not an object");
  return std::move(value->as_object());
}

base::result<void> only(const json::object& object, std::span<const std::string_view> known, std::string_view where) {
  for (const auto& member : object)
    if (std::find(known.begin(), known.end(), std::string_view(member.key())) == known.end())
      return wrong(fmt::format("{}: '{}' is not known here; known are {}", where, std::string_view(member.key()),
                               fmt::join(known, ", ")));
  return {};
}

/// The members of `from` in the order of `known`, so that documents look alike.
json::object ordered(const json::object& from, std::span<const std::string_view> known) {
  json::object out;
  for (const auto name : known)
    if (const auto* found = from.if_contains(name)) out[name] = *found;
  return out;
}

using fill = void (*)(json::object&, base::unix_time issued);
base::result<json::array> read_tables(const json::object& description, std::string_view name,
                                      std::span<const std::string_view> known, fill defaults, base::unix_time issued) {
  json::array out;
  const auto* found = description.if_contains(name);
  if (!found) return out;
  if (!found->is_array()) return wrong(fmt::format("{} is not an array of tables", name));
  for (std::size_t i = 0; i < found->as_array().size(); ++i) {
    const auto& item = found->as_array()[i];
    const auto where = fmt::format("{}[{}]", name, i);
    if (!item.is_object()) return wrong(fmt::format("{} is not a table", where));
    if (auto good = only(item.as_object(), known, where); !good) return good.error();
    auto filled = item.as_object();
    defaults(filled, issued);
    out.push_back(ordered(filled, known));
  }
  return out;
}

void fill_peer(json::object& peer, base::unix_time issued) {
  if (!peer.contains("roles")) peer["roles"] = json::array{"relay"};
  if (!peer.contains("seen")) peer["seen"] = issued;
  if (!peer.contains("weight")) peer["weight"] = 100;
}
void fill_nothing(json::object&, base::unix_time) {}

/// Clients leave out a route that they do not know; who publishes one has mistyped it.
base::result<json::array> read_routes(const json::object& description, bool lab) {
  const auto* found = description.if_contains("routes");
  if (!found) return json::array();
  if (!found->is_array()) return wrong("routes is not an array of tables");
  for (std::size_t i = 0; i < found->as_array().size(); ++i)
    if (auto route = config::route_from_document(found->as_array()[i], i, lab); !route)
      return wrong(fmt::format("routes[{}]: {}", i, route.error().detail));
  return found->as_array();
}

/// What the list says about itself: from the options, or from the root document at --root.
struct heading {
  std::string network;
  std::int64_t epoch = 0, root_version = 0;
};

base::result<heading> read_heading(const build_options& how) {
  heading out{how.network, how.epoch.value_or(0), how.root_version.value_or(0)};
  if (!how.root.empty()) {
    const auto roots = read_roots({how.root});
    if (!roots) return roots.error();
    const auto begun = begin_trust({}, *roots);
    if (!begun) return begun.error();
    const auto& root = *begun->root();
    if (out.network.empty()) out.network = root.network;
    if (!how.epoch) out.epoch = root.epoch;
    if (!how.root_version) out.root_version = root.version;
    if (out.network != root.network) return wrong("--network is not the network of --root");
    if (out.epoch != root.epoch) return wrong(fmt::format("--epoch is not the root's epoch, which is {}", root.epoch));
    if (how.version < root.min_version)
      return wrong(fmt::format("--version is below the root's min_version, which is {}", root.min_version));
  } else if (out.network.empty() || !how.epoch || !how.root_version) {
    return wrong("give --root, or --network, --epoch and --root-version");
  }
  return out;
}

base::result<json::object> make_payload(const build_options& how) {
  const auto about = read_heading(how);
  if (!about) return about.error();
  const auto description = read_description(how.from);
  if (!description) return description.error();
  if (auto good = only(*description, top_members, how.from); !good) return good.error();
  const auto issued = how.issued.value_or(base::system_clock().wall());
  const auto peers = read_tables(*description, "peers", peer_members, fill_peer, issued);
  if (!peers) return peers.error();
  const auto servers = read_tables(*description, "servers", server_members, fill_nothing, issued);
  if (!servers) return servers.error();
  const auto routes = read_routes(*description, how.lab);
  if (!routes) return routes.error();
  const auto* revoked = description->if_contains("revoked");
  // Durations were checked with the options.
  return json::object{{"type", "peerlist"},
                      {"spec", 1},
                      {"network", about->network},
                      {"channel", how.channel},
                      {"epoch", about->epoch},
                      {"version", how.version},
                      {"root_version", about->root_version},
                      {"issued", issued},
                      {"fresh_until", issued + *parse_duration(how.fresh)},
                      {"expires", issued + *parse_duration(how.life)},
                      {"peers", *peers},
                      {"revoked", revoked ? *revoked : json::array()},
                      {"servers", *servers},
                      {"routes", *routes}};
}

/// The channel for DNS and narrow networks has limits of its own: a frame must fit a few look-ups.
base::result<void> check_small_channel(const json::object& payload, std::size_t frame) {
  constexpr std::size_t small_peers = 14, small_routes = 1, small_frame = 10240;
  if (text_of(payload, "channel") != "small-0") return {};
  const auto peers = payload.at("peers").as_array().size(), routes = payload.at("routes").as_array().size();
  if (peers > small_peers || routes > small_routes || frame > small_frame)
    return base::fail(
        base::outcome::too_large,
        fmt::format("channel small-0 takes {} peers, {} route and a frame of {} bytes; here are {}, {} and {}",
                    small_peers, small_routes, small_frame, peers, routes, frame));
  return {};
}

} // namespace

int build_list(const build_options& how) {
  const auto made = make_payload(how);
  if (!made) return complain(usage, made.error(), how.from);
  const auto payload = json::serialize(*made);
  const auto type = trust::document_type::list;
  if (auto good = trust::check_payload(type, payload, how.lab); !good) return complain(usage, good.error(), how.from);
  const auto two = sizes_of(type, payload.size(), 2);
  if (auto good = check_small_channel(*made, two.frame); !good) return complain(usage, good.error(), how.from);
  if (two.envelope > trust::max_envelope)
    return complain(usage,
                    fmt::format("with 2 signatures it would take {} bytes of {}", two.envelope, trust::max_envelope),
                    how.from, "list fewer peers");
  if (auto written = write_public(how.out, trust::make_envelope(type, payload), how.force); !written)
    return complain(usage, written.error(), how.out);
  fmt::print("{}: {} peers, {} servers, {} routes; payload {} bytes; with 2 signatures {} bytes, as frame {} bytes\n",
             how.out, made->at("peers").as_array().size(), made->at("servers").as_array().size(),
             made->at("routes").as_array().size(), payload.size(), two.envelope, two.frame);
  fmt::print("unsigned: next 'landfall list sign {} --key …'\n", how.out);
  return done;
}

} // namespace landfall::sidecar
