// landfall check: what a configuration means, before anything is tried. Reads the configuration, the root, the kept
// bridges, the network memory and which network this is; sends nothing and writes nothing.
#include "base/clock.hpp"
#include "base/file.hpp"
#include "config/bridge_file.hpp"
#include "config/endpoint.hpp"
#include "config/host.hpp"
#include "config/paths.hpp"
#include "fallback/rank.hpp"
#include "net/network.hpp"
#include "net/socket.hpp"
#include "seeds/compiled.hpp"
#include "sidecar/configuration.hpp"
#include "sidecar/publishing.hpp"
#include "sidecar/routes.hpp"
#include "trust/limits.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace landfall::sidecar {

namespace {

namespace json = boost::json;

/// A route and where it stands; those that are off stand nowhere.
struct placed {
  known_route route;
  std::optional<fallback::standing> why = {};
  std::optional<fallback::wait> waits = {};
};

/// What the configuration comes to.
struct checked {
  config::settings settings;
  std::optional<trust::verified<trust::root>> root;
  std::string root_error;
  std::vector<placed> routes; ///< in the order in which they would be tried
  std::vector<std::string> errors, warnings;
};

/// Where a route goes: what a censor would like to know, so it prints with --unsafe-logging only.
struct destination_of {
  std::string operator()(const config::https_target& to) const { return to.url.reveal(); }
  std::string operator()(const config::fronted_target& to) const {
    std::string fronts;
    for (const auto& front : to.fronts) fronts += (fronts.empty() ? "" : ", ") + front.name;
    return fmt::format("{} behind {}", to.url.reveal(), fronts);
  }
  std::string operator()(const config::bridge_target& to) const {
    return to.lines.empty() ? "all bridges" : fmt::format("{} bridges", to.lines.size());
  }
  std::string operator()(const config::onion_target& to) const { return to.url.reveal(); }
  std::string operator()(const config::dns_target& to) const { return to.zone; }
  std::string operator()(const config::dht_target&) const { return "key and salt of the root document"; }
};

base::sensitive<std::string> destination(const config::settings& settings, const std::string& name) {
  for (const auto& route : settings.routes)
    if (route.name == name) return base::sensitive(std::visit(destination_of(), route.target));
  return {};
}

void check_root(checked& all) {
  const auto& network = all.settings.network;
  const auto bytes = base::read_file(network.root, trust::max_envelope);
  if (!bytes) {
    all.root_error = fmt::format("network.root: {}", bytes.error().detail);
    return;
  }
  auto anchor = trust::verify_anchor({*bytes}, network.id);
  if (!anchor) {
    all.root_error = fmt::format("network.root: {}: {}", network.root.string(), base::to_string(anchor.error()));
    return;
  }
  all.root = std::move(*anchor);
  if ((*all.root)->expires <= base::system_clock().wall())
    all.warnings.push_back("network.root has expired: every list counts as tier B at best until a newer root comes");
}

const config::https_options* tls_of(const config::route_target& target) {
  if (const auto* https = std::get_if<config::https_target>(&target)) return &https->tls;
  const auto* fronted = std::get_if<config::fronted_target>(&target);
  return fronted ? &fronted->tls : nullptr;
}

void check_machine(checked& all) {
  const auto& sidecar = all.settings.sidecar;
  if (auto able = net::check({sidecar.fwmark, sidecar.interface}); !able) all.errors.push_back(able.error().detail);
  const auto socket = config::socket_path(config::process_environment(), ::geteuid() == 0);
  if (socket.native().size() >= sizeof(sockaddr_un::sun_path))
    all.errors.push_back(fmt::format("{}: too long for a Unix socket; set LANDFALL_API to a path of at most {} bytes",
                                     socket.string(), sizeof(sockaddr_un::sun_path) - 1));
  for (const auto& route : all.settings.routes) {
    const auto* tls = tls_of(route.target);
    if (!tls || tls->ca.empty()) continue;
    if (auto ca = base::read_file(tls->ca, 1024 * 1024); !ca)
      all.errors.push_back(fmt::format("{}: ca: {}", route.name, ca.error().detail));
  }
}

/// What is configured and this version does not do: said, so that nobody believes to be protected by it.
void check_unbuilt(checked& all) {
  const auto& settings = all.settings;
  std::vector<std::string> complaints;
  (void)config::bridge_file::load(settings.sidecar.state / "bridges", complaints);
  all.warnings.insert(all.warnings.end(), complaints.begin(), complaints.end());
  const auto unused = [&all](bool configured, std::string_view what) {
    if (configured) all.warnings.push_back(fmt::format("{}: this version does not use them", what));
  };
  unused(settings.hints.lan != "off" || settings.hints.dht_get_peers, "hints");
}

/// A proxy carries TCP connections that it is asked for; whatever cannot be one of those is off, since a packet past
/// the proxy is what it was set against.
void check_proxy(checked& all) {
  const auto& proxy = all.settings.sidecar.upstream_proxy.reveal();
  if (proxy.empty()) return;
  for (const std::string_view what :
       {"dht: it is UDP", "lan: its packets would leave beside the proxy", "UDP: no proxy carries it",
        "plaintext DNS: the proxy resolves names", "transports that take no proxy, such as snowflake"})
    all.warnings.push_back(fmt::format("upstream_proxy turns off {}", what));
  if (const auto host = config::host_of_url(proxy); host && !config::ip_address::parse(*host))
    all.warnings.push_back(
        "upstream_proxy: its name is looked up by this machine; write its address to spare that query");
}

/// As it was last saved; unlike the sidecar, without making a key or setting aside what is damaged.
fallback::network_memory memory_of(const std::filesystem::path& state, base::unix_time now) {
  auto key = base::read_file(state / fallback::memory_key_file, fallback::memory_secret_size);
  const auto text = base::read_file(state / fallback::memory_file, fallback::max_memory_text);
  if (!key || key->size() != fallback::memory_secret_size || !text) return {};
  fallback::network_memory out(base::secret(std::move(*key)));
  return out.from_text(*text, now) ? std::move(out) : fallback::network_memory();
}

void check_routes(checked& all) {
  net::asio::io_context context;
  transports through(context.get_executor(), all.settings, base::system_clock());
  const auto set = make_routes(all.settings, nullptr, through);
  const auto now = base::system_clock().wall();
  const auto memory = memory_of(all.settings.sidecar.state, now);
  const auto network = net::system_network(context.get_executor(), all.settings.sidecar.interface)->look();
  const auto here = memory.network_of(network.identity());
  const auto known = [&set](const std::string& name) {
    return *std::ranges::find(set.known, name, &known_route::name); // names are unique, and usable ones are known
  };
  for (const auto& one : fallback::rank(set.usable, memory, here, all.settings.fallback.exposure, now)) {
    placed out{known(set.usable[one.route].name), one.why, one.waits};
    if (one.why == fallback::standing::left_out) out.route.off = fallback::explain(one.why);
    all.routes.push_back(std::move(out));
  }
  auto off = set.known;
  std::erase_if(off, [](const known_route& route) { return route.off.empty(); });
  std::ranges::stable_sort(off, {}, &known_route::tier);
  for (auto& route : off) all.routes.push_back({std::move(route)});
  if (std::ranges::all_of(all.routes, [](const placed& one) { return !one.route.off.empty(); }))
    all.warnings.push_back("no route can be tried: peers come from the cache, the compiled seeds and by hand only");
}

checked check(config::settings settings) {
  checked all;
  all.settings = std::move(settings);
  check_root(all);
  if (seeds::is_demo(all.settings.network.id))
    all.errors.push_back("network.id: the keys of network 'demo' are public: it is for 'landfall demo' alone");
  if (all.settings.network.lab)
    all.warnings.push_back("network.lab is on: documents may name private and loopback addresses");
  check_machine(all);
  check_routes(all);
  check_proxy(all);
  check_unbuilt(all);
  if (all.settings.sidecar.socks_open && all.settings.sidecar.socks_any)
    all.warnings.push_back(
        "socks_open and socks_any: every program of every user of this machine goes anywhere through it");
  return all;
}

int status_of(const checked& all) {
  if (!all.errors.empty()) return usage;
  return all.root ? done : untrusted;
}

json::array texts(const std::vector<std::string>& from) {
  json::array out;
  for (const auto& text : from) out.emplace_back(text);
  return out;
}

void print_json(const checked& all) {
  json::array routes;
  for (const auto& [route, why, waits] : all.routes)
    routes.push_back({{"name", route.name},
                      {"kind", route.kind},
                      {"tier", route.tier},
                      {"to", fmt::format("{}", destination(all.settings, route.name))},
                      {"why", why ? json::value(fallback::name(*why)) : json::value(nullptr)},
                      {"waits", waits ? json::value(waits->until) : json::value(nullptr)},
                      {"off", route.off.empty() ? json::value(nullptr) : json::value(route.off)}});
  auto errors = texts(all.errors);
  if (!all.root) errors.emplace_back(all.root_error);
  json::value root(nullptr);
  if (all.root) root = {{"version", (*all.root)->version}, {"expires", (*all.root)->expires}};
  const auto& settings = all.settings;
  const json::object out{{"good", status_of(all) == done},
                         {"file", settings.file.string()},
                         {"network", settings.network.id},
                         {"channel", settings.network.channel},
                         {"root", std::move(root)},
                         {"state", settings.sidecar.state.string()},
                         {"socks",
                          {{"listen", settings.sidecar.socks},
                           {"open", settings.sidecar.socks_open},
                           {"any", settings.sidecar.socks_any}}},
                         {"exposure", config::name(settings.fallback.exposure)},
                         {"routes", std::move(routes)},
                         {"errors", std::move(errors)},
                         {"warnings", texts(all.warnings)}};
  fmt::print("{}\n", json::serialize(out));
}

/// What is to be said of a route besides where it leads.
std::string remark(const placed& one) {
  if (!one.route.off.empty()) return "  OFF: " + one.route.off;
  std::string out;
  if (one.why && *one.why != fallback::standing::configured) out = fmt::format("  ({})", fallback::explain(*one.why));
  if (one.waits) out += fmt::format("  penalised until {}: {}", utc(one.waits->until), base::explain(one.waits->why));
  return out;
}

void print_routes(const checked& all) {
  const auto& how = all.settings.fallback;
  fmt::print("\nTried in this order: the next one after {} ms or when one fails, the next tier after {} ms, {} at a "
             "time, {} of one group\n",
             how.attempt_delay.count(), how.tier_gap.count(), how.max_lanes, how.max_lanes_per_group);
  for (const auto& one : all.routes)
    fmt::print("  tier {}  {:<14} {:<8} {}{}\n", one.route.tier, one.route.name, one.route.kind,
               destination(all.settings, one.route.name), remark(one));
}

std::string proxy_text(const config::sidecar_settings& settings) {
  const bool local = settings.socks.starts_with("unix:");
  return fmt::format("{}, {}, to {}", settings.socks,
                     local                 ? "for who may use the API"
                     : settings.socks_open ? "open to all of this machine"
                                           : "with the password that the API tells",
                     settings.socks_any ? "any destination" : "peers alone");
}

void print_text(const checked& all) {
  const auto& settings = all.settings;
  fmt::print("configuration  {}\n", settings.file.string());
  fmt::print("network        {}, channel {}\n", settings.network.id, settings.network.channel);
  if (all.root) {
    const auto& root = **all.root;
    fmt::print("root           version {}, lists by {} of {} keys, expires {}\n", root.version,
               root.list_role.threshold, root.list_role.keyids.size(), utc(root.expires));
  }
  fmt::print("state          {}\n", settings.sidecar.state.string());
  fmt::print("socket         {}\n", config::socket_path(config::process_environment(), ::geteuid() == 0).string());
  fmt::print("proxy          {}\n", proxy_text(settings.sidecar));
  fmt::print("exposure       {}\n", config::name(settings.fallback.exposure));
  print_routes(all);
  std::fflush(stdout); // before stderr, so that the two come in order on a terminal
  for (const auto& warning : all.warnings) complain(done, "warning", warning, {});
  for (const auto& error : all.errors) complain(usage, error, settings.file.string(), {});
  if (!all.root) complain(untrusted, all.root_error, {}, "take root.dsse.json from whoever gave you the VPN");
}

void print_problems(const std::vector<config::problem>& problems) {
  json::array errors;
  for (const auto& problem : problems) errors.emplace_back(problem.to_string());
  fmt::print("{}\n", json::serialize(json::object{{"good", false}, {"errors", std::move(errors)}}));
}

int run_check(const std::string& file, bool as_json) {
  auto read = find_and_load(file);
  if (!read.settings) {
    if (as_json) print_problems(read.problems);
    for (const auto& problem : read.problems) complain(usage, problem.to_string(), {}, {});
    return usage;
  }
  const auto all = check(std::move(*read.settings));
  as_json ? print_json(all) : print_text(all);
  return status_of(all);
}

} // namespace

void add_check_command(CLI::App& app, action& chosen) {
  struct options {
    std::string file;
    bool json = false;
  };
  const auto how = std::make_shared<options>();
  auto* command = app.add_subcommand("check", "Validate the configuration and print what would be tried, in order");
  add_configuration_option(*command, how->file);
  command->add_flag("--json", how->json, "Print one JSON object");
  command->callback([how, &chosen] { chosen = [how] { return run_check(how->file, how->json); }; });
}

} // namespace landfall::sidecar
