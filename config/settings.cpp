#include "config/settings.hpp"

#include "base/file.hpp"
#include "base/log.hpp"
#include "config/bridge_line.hpp"
#include "config/endpoint.hpp"
#include "config/host.hpp"
#include "config/paths.hpp"
#include "config/route_reader.hpp"
#include "config/schema.hpp"
#include "config/toml.hpp"

#include <boost/url.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

namespace landfall::config {

namespace {

namespace fs = std::filesystem;
namespace urls = boost::urls;

constexpr std::size_t max_routes = 64, max_bridges = 64, max_transports = 16;
constexpr std::size_t max_api_uids = 64, max_doh = 8, max_resolvers = 8, max_names = 16, max_exec = 64;
constexpr std::size_t max_interface = 15; // IFNAMSIZ without its NUL
constexpr std::int64_t max_u32 = std::numeric_limits<std::uint32_t>::max();

/// Networks and channels stand in URLs and in names of files.
bool is_id(std::string_view text) { return is_route_name(text) && text.front() != '.'; }

std::optional<config::exposure> exposure_of(std::string_view text) {
  for (const auto value : {exposure::fast, exposure::balanced, exposure::quiet})
    if (name(value) == text) return value;
  return std::nullopt;
}

/// Empty when good. A password may stand in it, so nothing of it is quoted.
std::string_view wrong_with_proxy(std::string_view text) {
  const auto proxy = urls::parse_uri(text);
  if (!proxy || (proxy->scheme() != "socks5" && proxy->scheme() != "http") || !host_of_url(text))
    return "write socks5://HOST:PORT or http://HOST:PORT, with USER:PASSWORD@ in front of HOST where asked for";
  if (!parse_port(std::string_view(proxy->port().data(), proxy->port().size())))
    return "the port is missing, or not a number from 1 to 65535";
  if ((!proxy->encoded_path().empty() && proxy->encoded_path() != "/") || proxy->has_query() || proxy->has_fragment())
    return "nothing may follow the port";
  return {};
}

bool is_doh(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == text.npos) return false;
  const auto resolver = urls::parse_uri(text.substr(0, at));
  const auto host = host_of_url(text.substr(0, at));
  const auto where = address_and_port::parse(text.substr(at + 1));
  // Where NAME is an address it is also where to connect: two that differ are a mistake.
  const bool one_place = host && where && (!ip_address::parse(*host) || *host == where->address.to_string());
  return one_place && resolver && resolver->scheme() == "https" && !resolver->has_userinfo() &&
         !resolver->has_fragment() &&
         (!resolver->has_port() || parse_port(std::string_view(resolver->port().data(), resolver->port().size())));
}

/// The proxy port of ours must never be open to others, password or not.
bool is_socks_listener(std::string_view text) {
  if (text.starts_with("unix:")) return fs::path(text.substr(5)).is_absolute();
  const bool any_port = text.ends_with(":0");
  const auto where = address_and_port::parse(any_port ? text.substr(0, text.size() - 2) : text);
  if (!where || where->port.has_value() == any_port) return false;
  const auto& bytes = where->address.bytes;
  if (!where->address.v6) return bytes[0] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; }) && bytes.back() == 1;
}

bool is_interface(std::string_view text) {
  return !text.empty() && text.size() <= max_interface && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '/' && c != ':'; });
}

/// A name of pt-spec: a C identifier.
bool is_transport_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && !(text.front() >= '0' && text.front() <= '9') &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

/// Turns sections into settings, complaining of all that is wrong.
class settings_reader {
public:
  settings_reader(std::map<std::string, toml_section> sections, const fs::path& file,
                  std::vector<complaint>& complaints)
      : sections_(std::move(sections)), folder_(fs::absolute(file).parent_path()), complaints_(complaints) {}

  config::settings read() {
    unknown_sections();
    network();
    sidecar();
    fallback();
    dns();
    each("route", max_routes, &settings_reader::route);
    name_routes();
    each("bridge", max_bridges, &settings_reader::bridge);
    each("transport", max_transports, &settings_reader::transport);
    tor();
    hints();
    return std::move(out_);
  }

private:
  void unknown_sections() {
    static constexpr std::string_view single[] = {"network", "sidecar", "fallback", "dns", "tor", "hints"};
    static constexpr std::string_view repeated[] = {"route", "bridge", "transport"};
    for (const auto& [name, section] : sections_) {
      const bool is_single = std::find(std::begin(single), std::end(single), name) != std::end(single);
      const bool is_repeated = std::find(std::begin(repeated), std::end(repeated), name) != std::end(repeated);
      if (!is_single && !is_repeated)
        complaints_.push_back({section.line, base::printable(name, 64),
                               "unknown section; write one of [network], [sidecar], [fallback], [dns], [tor], [hints], "
                               "[[route]], [[bridge]], [[transport]]"});
      else if (is_single == section.repeated)
        complaints_.push_back(
            {section.line, name, fmt::format("write {}", is_single ? "[" + name + "]" : "[[" + name + "]]")});
    }
  }

  /// The section `name`, or an empty table where there is none (or it is of the wrong form and was complained of).
  const table& single(const std::string& name) {
    static const table none;
    const auto at = sections_.find(name);
    return at == sections_.end() || at->second.repeated ? none : at->second.tables.front();
  }

  reader open(const table& from, std::string_view section) {
    reader in(from, complaints_);
    in.only(keys_of(section));
    return in;
  }

  void each(const std::string& name, std::size_t max, void (settings_reader::*read_one)(const table&)) {
    const auto at = sections_.find(name);
    if (at == sections_.end() || !at->second.repeated) return;
    if (at->second.tables.size() > max)
      complaints_.push_back(
          {at->second.line, name, fmt::format("{} of them; at most {}", at->second.tables.size(), max)});
    else
      for (const auto& one : at->second.tables) (this->*read_one)(one);
  }

  fs::path path(reader& in, std::string_view key) {
    const auto text = in.text(key);
    if (!text) return {};
    if (text->empty()) in.complain(key, "empty; write a path");
    return (folder_ / *text).lexically_normal();
  }

  void network() {
    const table& from = single("network");
    if (sections_.find("network") == sections_.end())
      complaints_.push_back({0, "network", "missing; write [network] with id and root"});
    auto in = open(from, "network");
    auto& to = out_.network;
    to.id = in.text("id").value_or("");
    to.root = path(in, "root");
    to.channel = in.text("channel").value_or(to.channel);
    to.lab = in.flag("lab").value_or(to.lab);
    const auto at = sections_.find("network");
    if (at == sections_.end() || at->second.repeated) return;
    if (!in.has("id")) in.complain("id", "missing; write the network's name");
    if (!in.has("root")) in.complain("root", "missing; write the path of the root document that came with the VPN");
    if (in.has("id") && !is_id(to.id))
      in.complain("id", "write 1 to 64 of the characters A-Z a-z 0-9 . _ -, no dot first");
    if (!is_id(to.channel)) in.complain("channel", "write 1 to 64 of the characters A-Z a-z 0-9 . _ -, no dot first");
  }

  void sidecar() {
    auto in = open(single("sidecar"), "sidecar");
    auto& to = out_.sidecar;
    to.state = path(in, "state");
    to.socks = in.text("socks").value_or(to.socks);
    if (!is_socks_listener(to.socks))
      in.complain("socks", "write a loopback ADDRESS:PORT (port 0: any free one), or unix:PATH with an absolute path");
    to.socks_open = in.flag("socks_open").value_or(to.socks_open);
    to.socks_any = in.flag("socks_any").value_or(to.socks_any);
    for (const auto uid : in.numbers("api_uids", 0, max_u32 - 1, max_api_uids).value_or(std::vector<std::int64_t>{}))
      to.api_uids.push_back(static_cast<std::uint32_t>(uid));
    auto proxy = in.text("upstream_proxy").value_or("");
    if (!proxy.empty())
      if (const auto wrong = wrong_with_proxy(proxy); !wrong.empty()) in.complain("upstream_proxy", std::string(wrong));
    to.upstream_proxy = base::sensitive(std::move(proxy));
    to.fwmark = static_cast<std::uint32_t>(in.number("fwmark", 0, max_u32).value_or(0));
    to.interface = in.text("interface").value_or("");
    if (!to.interface.empty() && !is_interface(to.interface))
      in.complain("interface", "not the name of a network interface");
  }

  void fallback() {
    auto in = open(single("fallback"), "fallback");
    auto& to = out_.fallback;
    using ms = std::chrono::milliseconds;
    to.attempt_delay = ms(in.number("attempt_delay_ms", 10, 60'000).value_or(to.attempt_delay.count()));
    to.tier_gap = ms(in.number("tier_gap_ms", 0, 60'000).value_or(to.tier_gap.count()));
    to.max_lanes = static_cast<int>(in.number("max_lanes", 1, 8).value_or(to.max_lanes));
    to.max_lanes_per_group = static_cast<int>(in.number("max_lanes_per_group", 1, 8).value_or(to.max_lanes_per_group));
    if (const auto text = in.text("exposure")) {
      const auto value = exposure_of(*text);
      if (!value) in.complain("exposure", "write \"fast\", \"balanced\" or \"quiet\"");
      to.exposure = value.value_or(to.exposure);
    }
  }

  void dns() {
    auto in = open(single("dns"), "dns");
    auto& to = out_.dns;
    if (auto given = in.texts("doh", max_doh))
      to.doh = std::move(*given);
    else if (out_.network.lab)
      to.doh.clear(); // what happens in a lab stays there
    to.ca = path(in, "ca").string();
    for (const auto& one : to.doh)
      if (!is_doh(one))
        in.complain("doh", "write https://NAME/PATH@ADDRESS or …@ADDRESS:PORT, IPv6 in brackets; where NAME is an "
                           "address, the same one");
    to.resolvers = in.texts("resolvers", max_resolvers).value_or(std::vector<std::string>{});
    for (const auto& one : to.resolvers)
      if (!address_and_port::parse(one)) in.complain("resolvers", "write ADDRESS or ADDRESS:PORT, IPv6 in brackets");
  }

  void route(const table& from) {
    if (auto one = read_route(from, {.document = false, .lab = false, .folder = folder_}, complaints_)) {
      out_.routes.push_back(std::move(*one));
      route_tables_.push_back(&from);
    }
  }

  /// Default names count per kind and step aside for names that are given.
  void name_routes() {
    std::set<std::string> taken;
    for (std::size_t i = 0; i < out_.routes.size(); ++i)
      if (const auto& name = out_.routes[i].name; !name.empty() && !taken.insert(name).second)
        reader(*route_tables_[i], complaints_).complain("name", "a name that another route has; names are unique");
    std::map<std::string_view, int> count;
    for (auto& one : out_.routes) {
      if (!one.name.empty()) continue;
      const auto kind = kind_of(one.target);
      do one.name = fmt::format("{}-{}", kind, ++count[kind]);
      while (!taken.insert(one.name).second);
    }
  }

  void bridge(const table& from) {
    auto in = open(from, "bridge");
    bridge_settings one;
    auto text = in.text("line");
    if (!in.has("line")) in.complain("line", "missing; write a bridge line");
    if (text) {
      const auto parsed = bridge_line::parse(*text);
      if (!parsed)
        in.complain("line", parsed.error().detail);
      else
        one.far_end = parsed->usual_far_end();
      one.line = base::sensitive(std::move(*text));
    }
    if (auto far_end = in.text("far_end")) {
      if (*far_end != "landfall" && *far_end != "tor") in.complain("far_end", "write \"landfall\" or \"tor\"");
      one.far_end = std::move(*far_end);
    }
    out_.bridges.push_back(std::move(one));
  }

  void transport(const table& from) {
    auto in = open(from, "transport");
    transport_settings one{in.texts("names", max_names).value_or(std::vector<std::string>{}),
                           in.texts("exec", max_exec).value_or(std::vector<std::string>{}),
                           in.flag("native").value_or(true)};
    if (!in.has("names") || one.names.empty()) in.complain("names", "missing; name at least one transport");
    if (!in.has("exec") || one.exec.empty() || one.exec.front().empty())
      in.complain("exec", "missing; write the program and its arguments: [\"snowflake-client\"]");
    for (const auto& name : one.names) {
      if (!is_transport_name(name)) in.complain("names", "the name of a transport has letters, digits and _ only");
      if (!transport_names_.insert(name).second) in.complain("names", "a transport that stands there twice");
      if (one.native && (name == "obfs4" || name == "webtunnel"))
        in.complain("names", fmt::format("Landfall speaks {} itself; write native = false to use the program", name));
    }
    out_.transports.push_back(std::move(one));
  }

  void tor() {
    auto in = open(single("tor"), "tor");
    auto& to = out_.tor;
    to.exec = in.text("exec").value_or(to.exec);
    if (to.exec.empty()) in.complain("exec", "write the program: \"tor\"");
    if (auto file = in.text("torrc")) {
      if (!out_.network.lab) in.complain("torrc", "for laboratories: it needs network.lab = true");
      to.torrc = (folder_ / *file).string();
    }
  }

  void hints() {
    auto in = open(single("hints"), "hints");
    auto& to = out_.hints;
    to.lan = in.text("lan").value_or(to.lan);
    if (to.lan != "off" && to.lan != "ask" && to.lan != "on") in.complain("lan", "write \"off\", \"ask\" or \"on\"");
    to.dht_get_peers = in.flag("dht_get_peers").value_or(to.dht_get_peers);
  }

  std::map<std::string, toml_section> sections_;
  fs::path folder_;
  std::vector<complaint>& complaints_;
  std::vector<const table*> route_tables_; ///< of out_.routes, in order
  std::set<std::string> transport_names_;
  config::settings out_;
};

void apply(const overrides& over, config::settings& to, std::vector<problem>& problems) {
  if (over.state) {
    if (!over.state->is_absolute()) problems.push_back({"LANDFALL_STATE", 0, {}, "relative; write an absolute path"});
    to.sidecar.state = *over.state;
  }
  if (over.exposure) {
    const auto value = exposure_of(*over.exposure);
    if (!value) problems.push_back({"LANDFALL_EXPOSURE", 0, {}, "write fast, balanced or quiet"});
    to.fallback.exposure = value.value_or(to.fallback.exposure);
  }
}

} // namespace

std::string_view name(exposure value) noexcept {
  switch (value) {
  case exposure::fast: return "fast";
  case exposure::balanced: return "balanced";
  case exposure::quiet: return "quiet";
  }
  return {};
}

std::string problem::to_string() const {
  std::string out = file;
  if (line > 0) out += fmt::format(":{}", line);
  if (!key.empty()) out += ": " + key;
  return out + ": " + message;
}

loaded parse_settings(std::string_view text, const fs::path& file, const overrides& over) {
  loaded out;
  if (text.size() > max_configuration_size) {
    out.problems.push_back({file.string(), 0, {}, fmt::format("longer than {} KiB", max_configuration_size / 1024)});
    return out;
  }
  std::vector<complaint> complaints;
  auto sections = parse_toml(text, complaints);
  // A syntax error leaves no sections; to add that they are missing would be noise.
  const bool readable = complaints.empty() || !sections.empty();
  config::settings settings;
  if (readable) settings = settings_reader(std::move(sections), file, complaints).read();
  settings.file = file;
  std::sort(complaints.begin(), complaints.end(), [](const complaint& x, const complaint& y) {
    return std::tie(x.line, x.key, x.message) < std::tie(y.line, y.key, y.message);
  });
  for (auto& c : complaints) out.problems.push_back({file.string(), c.line, std::move(c.key), std::move(c.message)});
  apply(over, settings, out.problems);
  if (out.problems.empty()) out.settings = std::move(settings);
  return out;
}

loaded load_settings(const fs::path& file, const overrides& over) {
  const auto text = base::read_file(file, max_configuration_size);
  if (!text) {
    loaded out;
    out.problems.push_back({file.string(), 0, {}, text.error().detail});
    return out;
  }
  auto out = parse_settings(*text, file, over);
  if (out.settings && out.settings->sidecar.state.empty())
    out.settings->sidecar.state = state_path(process_environment(), geteuid() == 0);
  return out;
}

} // namespace landfall::config
