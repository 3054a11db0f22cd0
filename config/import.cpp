#include "config/import.hpp"

#include "base/json.hpp"
#include "base/log.hpp"
#include "config/endpoint.hpp"
#include "config/route_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace landfall::config {

namespace {

namespace json = boost::json;
using keys = std::initializer_list<std::string_view>;

constexpr std::size_t max_depth = 8;
constexpr std::size_t max_servers = 64; // the routes that a configuration may have
constexpr std::size_t max_seeds = 64;   // the peers that can be added by hand
constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max();

constexpr std::string_view head = "# Made by 'landfall config import'. A comment that begins with a member of the JSON "
                                  "says that it has no counterpart.\n"
                                  "\n[network]\n"
                                  "# The JSON names neither: fill in what came with the VPN.\n"
                                  "# id = \"\"\n"
                                  "# root = \"root.dsse.json\"\n";

class importer {
public:
  explicit importer(std::vector<complaint>& complaints) : complaints_(complaints) {}

  std::string import(const json::value& top) {
    out_ = head;
    if (!open(top, "", {"bootstrap"})) return {};
    if (const auto* bootstrap = top.get_object().if_contains("bootstrap"))
      sections(*bootstrap);
    else if (complaints_.empty())
      complaints_.push_back({0, "bootstrap", "missing; nothing else is imported"});
    return std::move(out_);
  }

private:
  /// The members of an object that has none but `known` ones; nullopt: it is no object. Complains of both.
  std::optional<table> open(const json::value& from, const std::string& key, keys known) {
    auto fields = table_of(from, key);
    if (fields)
      reader(*fields, complaints_).only(known);
    else
      complaints_.push_back({0, key, "write an object: {…}"});
    return fields;
  }

  void sections(const json::value& bootstrap) {
    if (!open(bootstrap, "bootstrap", {"servers", "fallback", "local_discovery", "announce"})) return;
    const auto& all = bootstrap.get_object();
    if (const auto* from = all.if_contains("servers")) servers(*from);
    if (const auto* from = all.if_contains("fallback")) fallback(*from);
    if (const auto* from = all.if_contains("local_discovery")) local_discovery(*from);
    if (const auto* from = all.if_contains("announce")) announce(*from);
  }

  /// In the order of their priorities, all in one tier: they are raced, where the earlier clients waited for each.
  void servers(const json::value& from) {
    if (!from.is_array() || from.get_array().size() > max_servers) {
      complaints_.push_back({0, "bootstrap.servers", fmt::format("write a list of at most {} servers", max_servers)});
      return;
    }
    struct ranked {
      std::int64_t priority;
      std::string toml;
    };
    std::vector<ranked> all;
    std::size_t number = 0;
    for (const auto& each : from.get_array()) {
      const auto fields = open(each, fmt::format("bootstrap.servers[{}]", ++number), {"url", "priority"});
      if (!fields) continue;
      const auto priority = reader(*fields, complaints_).number("priority", 0, base::max_json_integer);
      all.push_back({priority.value_or(last), server(*fields)});
    }
    std::stable_sort(all.begin(), all.end(), [](const ranked& a, const ranked& b) { return a.priority < b.priority; });
    for (const auto& one : all) out_ += one.toml;
  }

  std::string server(const table& from) {
    table route{from.key, 0, {{"kind", {std::string("https")}}}};
    if (auto url = reader(from, complaints_).text("url"))
      route.fields.emplace("url", field{url->ends_with('/') ? *url : *url + '/'});
    else if (from.fields.contains("url"))
      return {};
    const auto read = read_route(route, {}, complaints_);
    const auto* target = read ? std::get_if<https_target>(&read->target) : nullptr;
    if (target == nullptr) return {};
    const bool bare = target->url.path.reveal() == "/";
    return fmt::format("\n[[route]] # {}\nkind = \"https\"\nurl = \"{}\"{}\n", from.key, target->url.reveal(),
                       bare ? " # append the server's secret path: .../PATH/" : "");
  }

  void fallback(const json::value& from) {
    const std::string key = "bootstrap.fallback";
    const auto fields = open(from, key, {"enabled", "seeds"});
    if (!fields) return;
    reader in(*fields, complaints_);
    out_ += '\n';
    if (const auto enabled = in.flag("enabled"))
      comment(key + ".enabled", fmt::format("{}: kept, compiled-in and manual peers are always used", *enabled));
    std::size_t number = 0;
    for (const auto& seed : in.texts("seeds", max_seeds).value_or(std::vector<std::string>{}))
      comment(fmt::format("{}.seeds[{}]", key, ++number), by_hand(seed));
  }

  /// A seed is an unsigned peer: no key of landfall.toml names peers, the user may.
  static std::string by_hand(const std::string& seed) {
    if (const auto endpoint = endpoint::parse(seed))
      return fmt::format("add it by hand: landfall peers add {}", endpoint->to_string());
    return fmt::format("{}: not an address; look it up, then: landfall peers add tcp://ADDRESS:PORT",
                       base::printable(seed));
  }

  void local_discovery(const json::value& from) {
    const std::string key = "bootstrap.local_discovery";
    const auto fields = open(from, key, {"enabled", "mdns_service"});
    if (!fields) return;
    reader in(*fields, complaints_);
    // "ask", not "on": nothing is sent on a network that the user has not allowed.
    if (const auto enabled = in.flag("enabled"))
      out_ += fmt::format("\n[hints] # {}.enabled\nlan = \"{}\"\n", key, *enabled ? "ask" : "off");
    if (const auto service = in.text("mdns_service"))
      comment(key + ".mdns_service", base::printable(*service) + ": the name of the service cannot be chosen");
  }

  void announce(const json::value& from) {
    const std::string key = "bootstrap.announce";
    const auto fields = open(from, key, {"enabled", "interval_seconds"});
    if (!fields) return;
    reader in(*fields, complaints_);
    out_ += '\n';
    if (const auto enabled = in.flag("enabled"))
      comment(key + ".enabled", fmt::format("{}: no key makes Landfall announce this peer", *enabled));
    if (const auto interval = in.number("interval_seconds", 0, base::max_json_integer))
      comment(key + ".interval_seconds", fmt::format("{}: as above", *interval));
  }

  void comment(std::string_view key, std::string_view why) { out_ += fmt::format("# {}: {}\n", key, why); }

  std::vector<complaint>& complaints_;
  std::string out_;
};

} // namespace

imported import_json(std::string_view text, const std::filesystem::path& file) {
  imported out;
  const auto refuse = [&](std::string key, std::string message) {
    out.problems.push_back({file.string(), 0, std::move(key), std::move(message)});
  };
  if (text.size() > max_configuration_size) {
    refuse({}, fmt::format("longer than {} KiB", max_configuration_size / 1024));
    return out;
  }
  const auto parsed = base::parse_json(text, max_depth);
  if (!parsed) {
    refuse({}, parsed.error().detail);
    return out;
  }
  std::vector<complaint> complaints;
  auto toml = importer(complaints).import(*parsed);
  for (auto& c : complaints) refuse(std::move(c.key), std::move(c.message));
  if (complaints.empty()) out.toml = std::move(toml);
  return out;
}

} // namespace landfall::config
