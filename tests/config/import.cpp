#include "config/import.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace landfall;

namespace {

std::string in_bootstrap(std::string_view members) { return fmt::format(R"({{"bootstrap":{{{}}}}})", members); }

/// What was printed, with the two values that no JSON gives.
config::settings as_settings(std::string toml) {
  for (const std::string_view blank : {"# id = \"\"", "# root ="}) {
    const auto at = toml.find(blank);
    REQUIRE(at != toml.npos);
    toml.erase(at, 2);
  }
  toml.insert(toml.find("id = \"") + 6, "testnet");
  auto read = config::parse_settings(toml, "/etc/landfall/landfall.toml");
  REQUIRE_MESSAGE(read.settings, (read.problems.empty() ? "" : read.problems.front().to_string()));
  return *read.settings;
}

std::string import(const std::string& text) {
  const auto made = config::import_json(text, "old.json");
  REQUIRE_MESSAGE(made.problems.empty(), made.problems.front().to_string());
  return made.toml;
}

std::vector<std::string> urls(const config::settings& from) {
  std::vector<std::string> out;
  for (const auto& route : from.routes) out.push_back(std::get<config::https_target>(route.target).url.reveal());
  return out;
}

const std::string everything = R"({"bootstrap": {
  "servers": [{"url": "https://second.example.com/7f3a9c/", "priority": 2},
              {"url": "https://first.example.com", "priority": 1},
              {"url": "https://third.example.com:8443/x"}],
  "fallback": {"enabled": true, "seeds": ["tcp://seed1.example.com:9000", "tcp://192.0.2.7:9000"]},
  "local_discovery": {"enabled": true, "mdns_service": "_old._tcp.local"},
  "announce": {"enabled": true, "interval_seconds": 300}}})";

} // namespace

TEST_CASE("an imported configuration is one that we read: servers by priority, the LAN only where allowed") {
  const auto settings = as_settings(import(everything));
  CHECK(urls(settings) == std::vector<std::string>{"https://first.example.com/", "https://second.example.com/7f3a9c/",
                                                   "https://third.example.com:8443/x/"});
  CHECK(settings.hints.lan == "ask");
  CHECK(settings.network.id == "testnet");
}

TEST_CASE("every member without a counterpart is a comment that names it") {
  const auto toml = import(everything);
  const std::string_view comments[] = {
      "\n# bootstrap.fallback.enabled: true: ",
      "\n# bootstrap.fallback.seeds[1]: tcp://seed1.example.com:9000: not an address",
      "\n# bootstrap.fallback.seeds[2]: add it by hand: landfall peers add tcp://192.0.2.7:9000\n",
      "\n# bootstrap.local_discovery.mdns_service: _old._tcp.local: ",
      "\n# bootstrap.announce.enabled: true: ",
      "\n# bootstrap.announce.interval_seconds: 300: ",
      "url = \"https://first.example.com/\" # append the server's secret path",
  };
  for (const auto comment : comments) {
    CAPTURE(comment);
    CHECK(toml.find(comment) != toml.npos);
  }
  CHECK(toml.find("7f3a9c/\" #") == toml.npos); // it has its path
}

TEST_CASE("all members are optional; until id and root are filled in the result is refused for their sake") {
  CHECK(as_settings(import(in_bootstrap(""))).routes.empty());
  CHECK(as_settings(import(in_bootstrap(R"("servers":[])"))).routes.empty());
  CHECK(as_settings(import(in_bootstrap(R"("local_discovery":{"enabled":false})"))).hints.lan == "off");
  const auto unfinished = config::parse_settings(import(everything), "landfall.toml");
  std::vector<std::string> missing;
  for (const auto& problem : unfinished.problems) missing.push_back(problem.key);
  CHECK(missing == std::vector<std::string>{"network.id", "network.root"});
}

TEST_CASE("what is not of the schema is refused with file and member, and nothing is printed") {
  struct row {
    const char* name;
    std::string text;
    std::string_view problem;
  };
  const row rows[] = {
      {"not JSON", "bootstrap:", "old.json: JSON, byte 0"},
      {"not an object", "[]", "old.json: write an object"},
      {"another object", R"({"peers":[]})", "old.json: peers: unknown key"},
      {"nothing", "{}", "old.json: bootstrap: missing"},
      {"a name twice", R"({"bootstrap":{},"bootstrap":{}})", "a name stands twice"},
      {"an unknown section", in_bootstrap(R"("dht":{})"), "old.json: bootstrap.dht: unknown key"},
      {"a text for a section", in_bootstrap(R"("announce":"no")"), "old.json: bootstrap.announce: write an object"},
      {"no list of servers", in_bootstrap(R"("servers":{})"), "old.json: bootstrap.servers: write a list"},
      {"a server that is a text", in_bootstrap(R"("servers":["https://a.example/"])"),
       "old.json: bootstrap.servers[1]: write an object"},
      {"a server without a URL", in_bootstrap(R"("servers":[{"priority":1}])"),
       "old.json: bootstrap.servers[1].url: missing"},
      {"a server without TLS", in_bootstrap(R"("servers":[{"url":"http://a.example/"}])"),
       "old.json: bootstrap.servers[1].url: "},
      {"a URL with a query", in_bootstrap(R"("servers":[{"url":"https://a.example/?x"}])"),
       "old.json: bootstrap.servers[1].url: has a '?'"},
      {"a URL that ends a line", in_bootstrap(R"("servers":[{"url":"https://a.example/\nx"}])"),
       "old.json: bootstrap.servers[1].url: holds a control character"},
      {"an unknown member of the second server",
       in_bootstrap(R"("servers":[{"url":"https://a.example/"},{"url":"https://b.example/","weight":1}])"),
       "old.json: bootstrap.servers[2].weight: unknown key"},
      {"a priority that is a text", in_bootstrap(R"("servers":[{"url":"https://a.example/","priority":"1"}])"),
       "old.json: bootstrap.servers[1].priority: write a whole number"},
      {"a flag that is a number", in_bootstrap(R"("fallback":{"enabled":1})"),
       "old.json: bootstrap.fallback.enabled: write true or false"},
      {"a seed that ends a line", in_bootstrap(R"("fallback":{"seeds":["a\n[sidecar]"]})"),
       "old.json: bootstrap.fallback.seeds: holds a control character"},
      {"an interval below nought", in_bootstrap(R"("announce":{"interval_seconds":-1})"),
       "old.json: bootstrap.announce.interval_seconds: write a whole number"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto made = config::import_json(row.text, "old.json");
    CHECK(made.toml.empty());
    REQUIRE(made.problems.size() == 1);
    CHECK(made.problems.front().to_string().find(row.problem) != std::string::npos);
  }
}

TEST_CASE("as many servers as a configuration may have routes, and no more") {
  const auto with = [](int count) {
    std::string servers;
    for (int i = 0; i < count; ++i)
      servers += fmt::format(R"({}{{"url":"https://a{}.example/x/","priority":1}})", i == 0 ? "" : ",", i);
    return in_bootstrap(R"("servers":[)" + servers + "]");
  };
  const auto most = urls(as_settings(import(with(64))));
  REQUIRE(most.size() == 64);
  CHECK(most[63] == "https://a63.example/x/"); // of equal priority: as they stood
  CHECK(config::import_json(with(65), "old.json").problems.size() == 1);
  CHECK(config::import_json(std::string(config::max_configuration_size + 1, ' '), "old.json").problems.size() == 1);
}
