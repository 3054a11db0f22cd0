#include "sidecar/api_routes.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace landfall::sidecar;

namespace {

const std::string id(43, 'A');
const std::string peers = "/v1/peers";

const api_error* error_in(const std::variant<api_call, api_error>& parsed) { return std::get_if<api_error>(&parsed); }

} // namespace

TEST_CASE("every request of the API is read, and nothing else") {
  struct row {
    const char* name;
    std::string method, target, body;
    unsigned status; ///< 0: accepted
  };
  const row rows[] = {
      {"peers without parameters", "GET", peers, "", 0},
      {"peers with all of them", "GET", peers + "?min=8&max=16&wait=30&freshness=valid", "", 0},
      {"the smallest numbers", "GET", peers + "?min=1&max=1&wait=0", "", 0},
      {"the largest numbers", "GET", peers + "?min=32&max=32&wait=120", "", 0},
      {"no peers", "GET", peers + "?min=0", "", 400},
      {"minus one peer", "GET", peers + "?min=-1", "", 400},
      {"a thousand million peers", "GET", peers + "?max=1000000000", "", 400},
      {"more peers than a 64-bit number holds", "GET", peers + "?max=99999999999999999999999", "", 400},
      {"33 peers", "GET", peers + "?max=33", "", 400},
      {"garbage for a number", "GET", peers + "?min=eight", "", 400},
      {"a number with something after it", "GET", peers + "?min=8x", "", 400},
      {"an empty number", "GET", peers + "?min=", "", 400},
      {"a fraction", "GET", peers + "?min=1.5", "", 400},
      {"more than there may be", "GET", peers + "?min=9&max=8", "", 400},
      {"a wait over two minutes", "GET", peers + "?wait=121", "", 400},
      {"a negative wait", "GET", peers + "?wait=-5", "", 400},
      {"an unknown freshness", "GET", peers + "?freshness=stale", "", 400},
      {"an unknown parameter", "GET", peers + "?mim=8", "", 400},
      {"a parameter twice", "GET", peers + "?min=8&min=9", "", 400},
      {"an escape that is none", "GET", peers + "?min=%zz", "", 400},
      {"a target that is none", "GET", "peers", "", 400},
      {"a whole URL as target", "GET", "http://host/v1/peers", "", 400},
      {"a target of 3 KiB", "GET", peers + "?min=" + std::string(3000, '1'), "", 414},

      {"a peer by hand", "POST", peers, R"({"endpoints":["tcp://198.51.100.1:443"]})", 0},
      {"with its id", "POST", peers, R"({"endpoints":["udp://[2001:db8::1]:443"],"id":")" + id + "\"}", 0},
      {"with a member of the future", "POST", peers, R"({"endpoints":["tcp://198.51.100.1:443"],"note":1})", 0},
      {"four endpoints", "POST", peers,
       R"({"endpoints":["tcp://198.51.100.1:1","tcp://198.51.100.1:2","tcp://198.51.100.1:3","tcp://198.51.100.1:4"]})",
       0},
      {"no endpoint", "POST", peers, R"({"endpoints":[]})", 400},
      {"five endpoints", "POST", peers, R"({"endpoints":["a","b","c","d","e"]})", 400},
      {"an endpoint by name", "POST", peers, R"({"endpoints":["tcp://example.org:443"]})", 400},
      {"an endpoint that is a number", "POST", peers, R"({"endpoints":[443]})", 400},
      {"endpoints that are no list", "POST", peers, R"({"endpoints":"tcp://198.51.100.1:443"})", 400},
      {"no body", "POST", peers, "", 400},
      {"a body cut short", "POST", peers, R"({"endpoints":["tcp://198.51)", 400},
      {"a body that is a list", "POST", peers, "[]", 400},
      {"a body with a name twice", "POST", peers, R"({"endpoints":[],"endpoints":[]})", 400},
      {"a body a thousand deep", "POST", peers, std::string(1000, '['), 400},
      {"an id that is too short", "POST", peers, R"({"endpoints":["tcp://198.51.100.1:443"],"id":"abc"})", 400},
      {"an id of ours", "POST", peers, R"({"endpoints":["tcp://198.51.100.1:443"],"id":"~)" + id + "\"}", 400},
      {"parameters where there are none", "POST", peers + "?min=8", R"({"endpoints":["tcp://198.51.100.1:443"]})", 400},

      {"an outcome", "POST", peers + "/" + id + "/outcome", R"({"ok":true})", 0},
      {"an outcome with everything", "POST", peers + "/" + id + "/outcome",
       R"({"endpoint":"tcp://198.51.100.1:443","ok":false,"rtt_ms":41})", 0},
      {"an outcome of a peer without a known key", "POST", peers + "/~" + id + "/outcome", R"({"ok":true})", 0},
      {"the same, escaped", "POST", peers + "/%7E" + id + "/outcome", R"({"ok":true})", 0},
      {"an outcome of nobody", "POST", peers + "/nobody/outcome", R"({"ok":true})", 400},
      {"an outcome that says nothing", "POST", peers + "/" + id + "/outcome", "{}", 400},
      {"an outcome that says maybe", "POST", peers + "/" + id + "/outcome", R"({"ok":"maybe"})", 400},
      {"an outcome faster than light", "POST", peers + "/" + id + "/outcome", R"({"ok":true,"rtt_ms":-1})", 400},
      {"an outcome of two hours", "POST", peers + "/" + id + "/outcome", R"({"ok":true,"rtt_ms":7200000})", 400},
      {"an outcome at a name", "POST", peers + "/" + id + "/outcome", R"({"ok":true,"endpoint":"tcp://x:1"})", 400},
      {"to read an outcome", "GET", peers + "/" + id + "/outcome", "", 405},

      {"status", "GET", "/v1/status", "", 0},
      {"status with a parameter", "GET", "/v1/status?x=1", "", 400},
      {"to write status", "POST", "/v1/status", "", 405},
      {"events", "GET", "/v1/events", "", 0},
      {"explain", "GET", "/v1/explain", "", 0},
      {"refresh", "POST", "/v1/refresh", "", 0},
      {"to read refresh", "GET", "/v1/refresh", "", 405},
      {"metrics", "GET", "/metrics", "", 0},
      {"healthz", "GET", "/healthz", "", 0},
      {"announce, which is not there yet", "POST", "/v1/announce", "{}", 404},
      {"another path", "GET", "/v2/peers", "", 404},
      {"the root", "GET", "/", "", 404},
      {"a path below a path", "GET", "/v1/status/x", "", 404},
      {"a slash at the end", "GET", "/v1/status/", "", 404},
      {"a slash inside an escape", "GET", "/v1%2Fstatus", "", 404},
      {"another method", "DELETE", peers, "", 405},
      {"no method", "", peers, "", 405},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto parsed = parse_call(row.method, row.target, row.body);
    const auto* error = error_in(parsed);
    CHECK((error ? error->status : 0) == row.status);
    if (error) CHECK_FALSE(error->message.empty());
  }
}

TEST_CASE("the numbers of a request for peers arrive as they were sent, and have their defaults") {
  const auto of = [](std::string_view query) {
    return std::get<get_peers>(std::get<api_call>(parse_call("GET", peers + std::string(query), "")));
  };
  const auto none = of("");
  CHECK(none.min == 8);
  CHECK(none.max == 16);
  CHECK(none.wait == std::chrono::seconds(30));
  CHECK(none.freshness == freshness::any);
  const auto all = of("?min=3&max=5&wait=7&freshness=fresh");
  CHECK(all.min == 3);
  CHECK(all.max == 5);
  CHECK(all.wait == std::chrono::seconds(7));
  CHECK(all.freshness == freshness::fresh);
  CHECK_MESSAGE(of("?min=20").max == 20, "asking for 20 alone asks for as many");
  CHECK_MESSAGE(of("?max=2").min == 2, "at most 2 alone cannot ask for 8");
}

TEST_CASE("a peer by hand and an outcome arrive as they were sent") {
  auto added = parse_call("POST", peers, R"({"endpoints":["tcp://198.51.100.1:443"],"id":")" + id + "\"}");
  const auto& peer = std::get<add_peer>(std::get<api_call>(added));
  REQUIRE(peer.endpoints.size() == 1);
  CHECK(peer.endpoints[0].to_string() == "tcp://198.51.100.1:443");
  CHECK(peer.id == id);
  auto told = parse_call("POST", peers + "/%7E" + id + "/outcome", R"({"ok":false,"rtt_ms":41})");
  const auto& outcome = std::get<report_outcome>(std::get<api_call>(told));
  CHECK(outcome.id == "~" + id);
  CHECK_FALSE(outcome.ok);
  CHECK(outcome.rtt_ms == 41);
}
