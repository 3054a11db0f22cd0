#include "config/settings.hpp"

#include "base/file.hpp"
#include "config/schema.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

using namespace landfall;
namespace fs = std::filesystem;

namespace {

const fs::path vectors = fs::path(LANDFALL_VECTORS) / "config";
const fs::path repository = fs::path(LANDFALL_VECTORS) / ".." / "..";

std::string text_of(const fs::path& file) { return base::read_file(file, 1 << 20).value(); }

/// What the "# expect: …" lines at the head of a vector say.
std::vector<std::string> expectations(std::string_view text) {
  constexpr std::string_view head = "# expect: ";
  std::vector<std::string> out;
  while (text.starts_with(head)) {
    const auto end = std::min(text.find('\n'), text.size());
    out.emplace_back(text.substr(head.size(), end - head.size()));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// An expectation is "LINE KEY WORDS", KEY "-" when the file as a whole is meant.
bool meets(const config::problem& p, std::string_view expected) {
  const auto where = fmt::format("{} {} ", p.line, p.key.empty() ? "-" : p.key);
  return expected.starts_with(where) && p.message.find(expected.substr(where.size())) != p.message.npos;
}

const std::string network = "[network]\nid = \"testnet\"\nroot = \"root.dsse.json\"\n";

config::settings good(const std::string& more, const config::overrides& over = {}) {
  auto read = config::parse_settings(network + more, "/etc/landfall/landfall.toml", over);
  REQUIRE_MESSAGE(read.settings, (read.problems.empty() ? "" : read.problems.front().to_string()));
  return *read.settings;
}

std::string only_problem(const std::string& text, const config::overrides& over = {}) {
  const auto read = config::parse_settings(text, "landfall.toml", over);
  CHECK_FALSE(read.settings);
  REQUIRE(read.problems.size() == 1);
  return read.problems.front().to_string();
}

} // namespace

TEST_CASE("a configuration gives settings, or all that is wrong with it by line and key") {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(vectors / "settings")) {
    ++files;
    const auto name = entry.path().filename().string();
    CAPTURE(name);
    const auto text = text_of(entry.path());
    const auto expected = expectations(text);
    const auto read = config::parse_settings(text, name);
    REQUIRE_FALSE(expected.empty());
    if (expected.front() == "good") {
      CHECK(read.settings);
      CHECK(read.problems.empty());
      continue;
    }
    CHECK_FALSE(read.settings);
    CHECK(read.problems.size() == expected.size());
    for (std::size_t i = 0; i < std::min(read.problems.size(), expected.size()); ++i) {
      const auto told = read.problems[i].to_string();
      CAPTURE(told);
      CAPTURE(expected[i]);
      CHECK(meets(read.problems[i], expected[i]));
    }
  }
  CHECK(files >= 20);
}

TEST_CASE("what is not said has the design's default") {
  const auto s = good("");
  CHECK(s.network.channel == "public-0");
  CHECK_FALSE(s.network.lab);
  CHECK(s.sidecar.socks == "127.0.0.1:0");
  CHECK(s.sidecar.upstream_proxy.reveal().empty());
  CHECK(s.sidecar.fwmark == 0);
  CHECK(s.fallback.attempt_delay.count() == 250);
  CHECK(s.fallback.tier_gap.count() == 3000);
  CHECK(s.fallback.max_lanes == 4);
  CHECK(s.fallback.max_lanes_per_group == 2);
  CHECK(s.fallback.exposure == config::exposure::balanced);
  CHECK(s.hints.lan == "off");
  CHECK_FALSE(s.hints.dht_get_peers);
  CHECK(s.dns.doh.size() == 4);
  CHECK(s.dns.resolvers.empty());
}

TEST_CASE("resolvers over HTTPS: public ones, unless others or none are named, or in a lab") {
  const std::string head = "[network]\nid = \"testnet\"\nroot = \"root.dsse.json\"\n";
  struct row {
    std::string name, text;
    std::size_t count;
  };
  const row rows[] = {
      {"not said", head, 4},
      {"none", head + "[dns]\ndoh = []\n", 0},
      {"one", head + "[dns]\ndoh = [\"https://192.0.2.53/q@192.0.2.53\"]\n", 1},
      {"in a lab", head + "lab = true\n", 0},
      {"one in a lab", head + "lab = true\n[dns]\ndoh = [\"https://192.0.2.53/q@192.0.2.53\"]\n", 1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto read = config::parse_settings(row.text, "/etc/landfall/landfall.toml");
    REQUIRE(read.settings);
    CHECK(read.settings->dns.doh.size() == row.count);
  }
  // The defaults are in the form that is asked of others.
  std::string text = head + "[dns]\ndoh = [";
  for (const auto& one : config::dns_settings{}.doh) text += '"' + one + "\",";
  CHECK(config::parse_settings(text + "]\n", "/etc/landfall/landfall.toml").settings.has_value());
}

TEST_CASE("every key reaches its setting") {
  const auto read =
      config::parse_settings(text_of(vectors / "settings/everything.toml"), "/etc/landfall/landfall.toml");
  REQUIRE(read.settings);
  const auto& s = *read.settings;
  CHECK(s.network.id == "pqvpn-main");
  CHECK(s.network.root == "/usr/share/vpn/root.dsse.json");
  CHECK(s.network.channel == "small-0");
  CHECK(s.network.lab);
  CHECK(s.sidecar.state == "/etc/landfall/state");
  CHECK(s.sidecar.socks_open);
  CHECK(s.sidecar.socks_any);
  CHECK(s.sidecar.api_uids == std::vector<std::uint32_t>{1000, 4294967294U});
  CHECK(s.sidecar.upstream_proxy.reveal() == "socks5://user:pass@proxy.example.net:1080");
  CHECK(fmt::format("{}", s.sidecar.upstream_proxy) == "[scrubbed]");
  CHECK(s.sidecar.fwmark == 4294967295U);
  CHECK(s.sidecar.interface == "eth0.100");
  CHECK(s.fallback.tier_gap.count() == 0);
  CHECK(s.fallback.exposure == config::exposure::quiet);
  CHECK(s.dns.doh.size() == 2);
  CHECK(s.dns.ca == "/etc/landfall/resolvers.pem");
  CHECK(s.dns.resolvers.size() == 2);
  REQUIRE(s.routes.size() == 6);
  const auto& https = std::get<config::https_target>(s.routes[0].target);
  CHECK(s.routes[0].name == "first");
  CHECK(s.routes[0].group == "cdn-x");
  CHECK(s.routes[0].tier == 9);
  CHECK(https.url.reveal() == "https://bootstrap1.example.net:8443/7f3a9c/");
  CHECK(https.tls.pins.size() == 1);
  CHECK_FALSE(https.tls.sni);
  CHECK(https.tls.split_hello);
  CHECK(https.tls.profile == "chrome");
  CHECK(https.tls.ca == "/etc/landfall/ca.pem");
  const auto& fronted = std::get<config::fronted_target>(s.routes[1].target);
  CHECK(fronted.fronts == std::vector<config::front>{{"cdn-a.example.com", std::nullopt, 443},
                                                     {"cdn-b.example.com", "203.0.113.7", 443},
                                                     {"cdn-c.example.com", "2001:db8::7", 8443}});
  const auto& onion = std::get<config::onion_target>(s.routes[3].target);
  CHECK(onion.tor == "control:127.0.0.1:9051");
  CHECK(onion.auth_key == "/etc/landfall/onion.auth");
  CHECK(std::get<config::dns_target>(s.routes[4].target).zone == "peers.example.net");
  CHECK(s.transports.front().exec.size() == 3);
  CHECK_FALSE(s.transports.front().native);
  CHECK(s.bridges.front().far_end == "landfall");
  CHECK(s.hints.lan == "ask");
}

TEST_CASE("routes are named by kind and number, beside the names that were given, and have a usual tier and group") {
  const auto s = good(R"(
[[route]]
kind = "https"
url = "https://a.example.net/x/"
[[route]]
kind = "https"
name = "https-2"
url = "https://b.example.net/x/"
[[route]]
kind = "https"
url = "https://c.example.net/x/"
[[route]]
kind = "bridge"
[[route]]
kind = "dht"
)");
  std::vector<std::string> names, groups;
  std::vector<int> tiers;
  for (const auto& r : s.routes) {
    names.push_back(r.name);
    groups.push_back(r.group);
    tiers.push_back(r.tier);
  }
  CHECK(names == std::vector<std::string>{"https-1", "https-2", "https-3", "bridge-1", "dht-1"});
  CHECK(groups == std::vector<std::string>{"a.example.net", "b.example.net", "c.example.net", "bridge", "dht"});
  CHECK(tiers == std::vector<int>{1, 1, 1, 2, 4});
}

TEST_CASE("relative paths are meant from the file's folder") {
  CHECK(good("").network.root == "/etc/landfall/root.dsse.json");
  CHECK(good("[sidecar]\nstate = \"../x/./state\"").sidecar.state == "/etc/x/state");
}

TEST_CASE("a bridge with a fingerprint is tor's unless it is said otherwise") {
  const std::string line = "[[bridge]]\nline = \"webtunnel 192.0.2.10:443 {}url=https://example.com/\"\n";
  const auto far_end = [&](std::string_view fingerprint, const std::string& more = "") {
    return good(fmt::format(fmt::runtime(line), fingerprint) + more).bridges.front().far_end;
  };
  CHECK(far_end("") == "landfall");
  CHECK(far_end("0123456789ABCDEF0123456789ABCDEF01234567 ") == "tor");
  CHECK(far_end("0123456789ABCDEF0123456789ABCDEF01234567 ", "far_end = \"landfall\"") == "landfall");
}

TEST_CASE("the environment overrides the file, and is held to the same rules") {
  const std::string file = "[sidecar]\nstate = \"/a\"\n[fallback]\nexposure = \"fast\"\n";
  CHECK(good(file, {.state = "/b", .exposure = {}}).sidecar.state == "/b");
  CHECK(good(file, {.state = {}, .exposure = "quiet"}).fallback.exposure == config::exposure::quiet);
  CHECK(only_problem(network, {.state = "b", .exposure = {}}) == "LANDFALL_STATE: relative; write an absolute path");
  CHECK(only_problem(network, {.state = {}, .exposure = "loud"}) == "LANDFALL_EXPOSURE: write fast, balanced or quiet");
}

TEST_CASE("a problem is told as file:line: key: message") {
  CHECK(only_problem(network + "[fallback]\nmax_lanes = 99\n") ==
        "landfall.toml:5: fallback.max_lanes: write a whole number from 1 to 8");
}

TEST_CASE("a configuration that is too long, too deep, or not text is refused and nothing more") {
  const std::pair<const char*, std::string> rows[] = {
      {"more than 256 KiB", network + std::string(config::max_configuration_size, '#')},
      {"values nested 200 deep", "a = " + std::string(200, '[') + std::string(200, ']')},
      {"a key of 100 000 parts", "a" +
                                     [] {
                                       std::string s;
                                       for (int i = 0; i < 100'000; ++i) s += ".a";
                                       return s;
                                     }() +
                                     " = 1"},
      {"three brackets", network + "[[[route]]]\n"},
      {"a comment in a header", network + "[[# route]]\n"},
      {"a header cut short", network + "[["},
      {"a letter that toml++ cannot take for a key", network + "\xca\x99 = 1\n"},
      {"not UTF-8", network + "[sidecar]\nstate = \"\xff\"\n"},
      {"a NUL", network + std::string("[sidecar]\nstate = \"\0\"\n", 22)},
  };
  for (const auto& [name, text] : rows) {
    CAPTURE(name);
    const auto read = config::parse_settings(text, "landfall.toml");
    CHECK_FALSE(read.settings);
    CHECK(read.problems.size() == 1);
  }
}

TEST_CASE("a byte order mark is fine at the start, and letters of all scripts in comments and texts") {
  const std::string letters = "\xc3\xa9\xca\x99 \xd8\xb3\xd9\x84\xd8\xa7\xd9\x85 \xef\xb3\xbf \xe4\xbd\xa0\xe5\xa5\xbd";
  const std::string texts[] = {"\"/" + letters + "\"", "'/" + letters + "'", "\"\"\"/\\\n   " + letters + "\"\"\""};
  for (const auto& text : texts) {
    CAPTURE(text);
    const auto read = config::parse_settings(
        "\xef\xbb\xbf# " + letters + "\n" + network + "[sidecar]\nstate = " + text + "\n", "landfall.toml");
    REQUIRE(read.settings);
    CHECK(read.settings->sidecar.state == "/" + letters);
  }
}

TEST_CASE("dotted keys as deep as a file may have them do no harm") {
  std::string text;
  for (int i = 0; i < 15; ++i) {
    text += "a";
    for (int n = 0; n < 250; ++n) text += ".a";
    text += i < 14 ? " = [\n{" : " = 1";
  }
  for (int i = 0; i < 14; ++i) text += "}\n]";
  CHECK_FALSE(config::parse_settings(text, "landfall.toml").settings);
}

TEST_CASE("a file is read with its problems, and has a state folder when none is said") {
  const auto folder = fs::temp_directory_path() / fmt::format("landfall-test-settings-{}", ::getpid());
  fs::create_directories(folder);
  const auto file = folder / "landfall.toml";
  std::ofstream(file) << network;
  const auto read = config::load_settings(file);
  REQUIRE(read.settings);
  CHECK(read.settings->file == file);
  CHECK(read.settings->network.root == folder / "root.dsse.json");
  CHECK(read.settings->sidecar.state.is_absolute());
  const auto missing = config::load_settings(folder / "other.toml");
  CHECK_FALSE(missing.settings);
  REQUIRE(missing.problems.size() == 1);
  CHECK(missing.problems.front().to_string().find("No such file") != std::string::npos);
  fs::remove_all(folder);
}

TEST_CASE("the example is a good configuration") {
  const auto text = text_of(repository / "config/landfall.example.toml");
  const auto read = config::parse_settings(text, "config/landfall.example.toml");
  for (const auto& p : read.problems) FAIL_CHECK(p.to_string());
  CHECK(read.settings);
}

TEST_CASE("docs/CONFIGURATION.md describes every key, section by section") {
  const auto text = text_of(repository / "docs/CONFIGURATION.md");
  for (const auto& section : config::schema()) {
    const auto heading = fmt::format("\n## `{}`", section.name);
    CAPTURE(heading);
    const auto start = text.find(heading);
    REQUIRE(start != text.npos);
    const auto body = text.substr(start, text.find("\n## ", start + 1) - start);
    for (const auto key : section.keys) {
      CAPTURE(key);
      const bool shared =
          section.name.starts_with("route.") && (key == "kind" || key == "name" || key == "group" || key == "tier");
      CHECK((shared ? text : body).find(fmt::format("| `{}` |", key)) != text.npos);
    }
  }
}
