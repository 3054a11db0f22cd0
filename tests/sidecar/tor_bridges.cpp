// Which bridges a tor of ours is given: those of the configuration, and of the list in hand.
#include "tests/fakes/made_routes.hpp"

#include <doctest/doctest.h>

using namespace landfall;

namespace {

const std::string print(40, 'A'), cert(70, 'A');

std::string obfs4(const std::string& where, bool tors = true) {
  return "obfs4 " + where + (tors ? " " + print : "") + " cert=" + cert + " iat-mode=0";
}

config::route bridges(std::vector<std::string> lines) {
  config::bridge_target target;
  for (auto& line : lines) target.lines.emplace_back(std::move(line));
  config::route out;
  out.name = out.group = "list-bridge-1";
  out.target = std::move(target);
  return out;
}

struct made : fakes::made_routes {
  made(config::settings from, const trust::peer_list& list) : made_routes(std::move(from), &list) {}

  [[nodiscard]] std::vector<std::string> of_tor() {
    std::vector<std::string> out;
    for (const auto& line : through.tor_of(nullptr).ways()->bridges) out.push_back(line.reveal());
    return out;
  }
  [[nodiscard]] std::vector<std::string> transports_of_tor() {
    std::vector<std::string> out;
    for (const auto& [name, command] : through.tor_of(nullptr).ways()->transports) out.push_back(name);
    return out;
  }
};

config::settings settings_with(std::vector<config::bridge_settings> configured) {
  config::settings out;
  out.network.id = "testnet";
  out.bridges = std::move(configured);
  return out;
}

} // namespace

TEST_CASE("What of a list's bridges goes to tor, and what is a route") {
  using all = std::vector<std::string>;
  const std::string global = "203.0.113.7:443", other = "198.51.100.7:443";
  const auto webtunnel = global + " " + print + " url=https://tunnel.example/secret";
  std::vector<std::string> many, first_eight;
  for (int i = 1; i <= 16; ++i) many.push_back(obfs4("203.0.113." + std::to_string(i) + ":443"));
  first_eight.assign(many.begin(), many.begin() + 8);
  auto seven = first_eight;
  seven.pop_back();
  seven.insert(seven.begin(), obfs4("9.9.9.9:443"));
  const auto line = [](const std::string& text, const char* far_end) {
    return config::bridge_settings{base::sensitive(text), far_end};
  };
  struct row {
    std::string name;
    std::vector<std::string> lines;
    std::vector<config::bridge_settings> configured;
    bool lab;
    all tors;
    std::size_t routes;
  };
  const row rows[] = {
      {"nothing", {}, {}, false, {}, 0},
      {"a landfall server's", {obfs4("9.9.9.9:443", false)}, {}, false, {}, 1},
      {"tor's", {obfs4("9.9.9.9:443")}, {}, false, {obfs4("9.9.9.9:443")}, 0},
      {"one of each", {obfs4("9.9.9.9:443"), obfs4("9.9.9.8:443", false)}, {}, false, {obfs4("9.9.9.9:443")}, 1},
      {"the configured ones first, and none twice",
       {obfs4("9.9.9.9:443"), obfs4("9.9.9.8:443")},
       {line(obfs4("9.9.9.8:443"), "tor")},
       false,
       {obfs4("9.9.9.8:443"), obfs4("9.9.9.9:443")},
       0},
      {"a configured one that leads to a landfall server all the same",
       {},
       {line(obfs4("9.9.9.9:443"), "landfall")},
       false,
       {},
       0},
      {"too many", many, {}, true, first_eight, 0},
      {"too many behind a configured one", many, {line(obfs4("9.9.9.9:443"), "tor")}, true, seven, 0},
      {"a transport that nothing speaks", {"meek " + global + " " + print}, {}, true, {}, 0},
      {"a configured one of such a transport: never past it",
       {},
       {line("meek " + other + " " + print, "tor")},
       false,
       {"meek " + other + " " + print},
       0},
      {"webtunnel", {"webtunnel " + webtunnel}, {}, true, {"webtunnel " + webtunnel}, 0},
      {"a private address", {obfs4("192.168.1.1:443")}, {}, false, {}, 0},
      {"this machine", {obfs4("127.0.0.1:443")}, {}, false, {}, 0},
      {"this machine, in a lab", {obfs4("127.0.0.1:443")}, {}, true, {obfs4("127.0.0.1:443")}, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto settings = settings_with(row.configured);
    settings.network.lab = row.lab;
    trust::peer_list list;
    if (!row.lines.empty()) list.routes.push_back(bridges(row.lines));
    made one(std::move(settings), list);
    CHECK(one.of_tor() == row.tors);
    CHECK(one.set.usable.size() == row.routes);
    for (const auto& route : one.set.known) CHECK_MESSAGE(route.off.empty(), "a list's bridge of tor's is no failure");
  }
}

TEST_CASE("A line with a fingerprint leads to tor in a configured route too; the other lines are its routes") {
  auto settings = settings_with({});
  settings.routes.push_back(bridges({obfs4("9.9.9.9:443"), obfs4("9.9.9.8:443", false)}));
  settings.routes.back().name = "mine";
  made one(std::move(settings), {});
  CHECK(one.of_tor() == std::vector<std::string>{obfs4("9.9.9.9:443")});
  REQUIRE(one.set.usable.size() == 1);
  CHECK(one.set.usable[0].name == "mine");
}

TEST_CASE("tor gets our own obfs4 and webtunnel, a program of the configuration where that is to be used, and both") {
  const auto both = bridges({obfs4("9.9.9.9:443"), "webtunnel 9.9.9.8:443 " + print + " url=https://tunnel.example/x"});
  trust::peer_list list;
  list.routes.push_back(both);
  made ours(settings_with({}), list);
  CHECK(ours.transports_of_tor() == std::vector<std::string>{"obfs4", "webtunnel"});
  for (const auto& [name, command] : ours.through.tor_of(nullptr).ways()->transports) CHECK(command.ends_with(" run"));
  auto settings = settings_with({});
  settings.transports.push_back({{"obfs4"}, {"/usr/bin/obfs4proxy", "-x"}, false});
  made theirs(std::move(settings), list);
  REQUIRE(theirs.transports_of_tor().size() == 2);
  CHECK(theirs.through.tor_of(nullptr).ways()->transports[0].second == "/usr/bin/obfs4proxy -x");
}

TEST_CASE("Bridges of a list that is no longer in hand are no longer given") {
  trust::peer_list list;
  list.routes.push_back(bridges({obfs4("9.9.9.9:443")}));
  made one(settings_with({}), list);
  CHECK(one.of_tor().size() == 1);
  one.through.use_bridges_of(one.settings, nullptr);
  CHECK(one.of_tor().empty());
}
