// Where CONNECT may lead.
#include "server/relay_targets.hpp"

#include "tests/server/samples.hpp"

using namespace landfall;

namespace {

std::string list_with(std::string_view endpoints) {
  const std::string peer =
      fmt::format(R"({{"id":"{}","endpoints":[{}],"roles":[],"asn":64496,"cc":"DE","seen":1795132800,"weight":100}})",
                  std::string(42, 'A') + "A", endpoints);
  auto payload = server::samples::list_payload();
  payload.replace(payload.find(R"("peers":[])"), 10, R"("peers":[)" + peer + "]");
  return server::samples::envelope(trust::document_type::list, payload);
}

server::catalogue holding(std::string_view path, std::string bytes) {
  server::catalogue out;
  out.emplace(path, std::make_shared<const server::entry>(server::entry{.bytes = std::move(bytes), .type = ""}));
  return out;
}

constexpr auto place = "v1/net/public-0/list";
constexpr auto two = R"("tcp://192.0.2.7:443","tcp://[2001:db8::7]:443","udp://192.0.2.7:53")";

} // namespace

TEST_CASE("The peers' TCP endpoints are targets, as text of one form, and nothing else is") {
  const auto targets = server::relay_targets_of(holding(place, list_with(two)), false);
  struct row {
    std::string asked;
    bool expected;
  };
  const row rows[] = {
      {"192.0.2.7:443", true},
      {"[2001:db8::7]:443", true},
      {"[2001:0db8:0:0::7]:443", true},
      {"[::ffff:192.0.2.7]:443", true},
      {"192.0.2.7:53", false},
      {"192.0.2.7:80", false},
      {"192.0.2.8:443", false},
      {"192.0.2.7", false},
      {"192.0.2.7:443/", false},
      {"192.0.2.7:0443", false},
      {"3221225991:443", false},
      {"peer.example:443", false},
      {"localhost:443", false},
      {"127.0.0.1:443", false},
      {"user@192.0.2.7:443", false},
      {" 192.0.2.7:443", false},
      {"", false},
      {std::string(10'000, '1') + ":443", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.asked.substr(0, 40));
    CHECK(server::find_target(targets, row.asked).has_value() == row.expected);
  }
}

TEST_CASE("Only lists name targets, and of private ones only where that was said") {
  const auto open = list_with(two), own = list_with(R"("tcp://127.0.0.1:443","tcp://192.0.2.7:443")");
  struct row {
    std::string name, path, bytes;
    bool lab;
    std::size_t expected;
  };
  const row rows[] = {
      {"a list", place, open, false, 2},
      {"a list in a laboratory", place, open, true, 2},
      {"private addresses", place, own, false, 0},
      {"private addresses in a laboratory", place, own, true, 2},
      {"a live list", "v1/net/live/0", open, false, 0},
      {"a frame", "v1/net/public-0/list.frame", open, false, 0},
      {"no envelope", place, "{}", false, 0},
      {"no list in it", place, server::samples::envelope(trust::document_type::list, "[]"), false, 0},
      {"a root in its place", place, server::samples::envelope(trust::document_type::root, "{}"), false, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(server::relay_targets_of(holding(row.path, row.bytes), row.lab).size() == row.expected);
  }
}
