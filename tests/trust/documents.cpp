// The form of envelopes and payloads: what is malformed, too large, of another network or channel.
#include "tests/fakes/publisher.hpp"
#include "tests/trust/said.hpp"
#include "trust/limits.hpp"

#include <doctest/doctest.h>

#include <functional>

using namespace landfall;
using fakes::keyid;
using tests::said;
using trust::document_type;
namespace json = boost::json;

namespace {

const fakes::publisher publisher("testnet");
const fakes::names signers{"list a", "list b"};

const trust::verified<trust::root>& anchor() {
  static const auto made = publisher.anchor();
  return made;
}

std::string checked(const trust::unverified_document& document, bool lab = false) {
  return said(trust::verify_list(anchor(), document, "public-0", lab));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

json::object& first_peer(json::object& payload) { return payload["peers"].as_array()[0].as_object(); }

} // namespace

TEST_CASE("Each document has its place below a carrier's base") {
  CHECK(trust::document_path("demo", "public-0", document_type::list, 0) == "v1/demo/public-0/list");
  CHECK(trust::document_path("demo", "public-0", document_type::root, 12) == "v1/demo/root/12");
  CHECK(trust::document_path("demo", "public-0", document_type::live, 0) == "v1/demo/live");
}

TEST_CASE("Envelopes are read strictly") {
  const auto good = publisher.list().bytes;
  const std::string payload = base::to_base64(fakes::text(publisher.list_payload()));
  const auto from = [&](const std::string& old, const std::string& now) { return replaced(good, old, now); };
  struct row {
    const char* name;
    std::string bytes;
    const char* expect = "malformed";
  };
  const row rows[] = {
      {"as it should be", good, "accepted"},
      {"white space around and within", " \n" + from("\"payload\":", "\"payload\" : ") + "\n\t", "accepted"},
      {"an unknown member", from("{\"payloadType\"", "{\"note\":[1,{}],\"payloadType\""), "accepted"},
      {"exactly 128 KiB", "{" + std::string(trust::max_envelope - good.size(), ' ') + good.substr(1), "accepted"},
      {"128 KiB and a byte", "{" + std::string(trust::max_envelope + 1 - good.size(), ' ') + good.substr(1),
       "too_large"},
      {"a megabyte of brackets", std::string(1 << 20, '['), "too_large"},
      {"nothing", ""},
      {"no JSON", "<html><title>Welcome to the hotel</title></html>"},
      {"null", "null"},
      {"an array", "[" + good + "]"},
      {"cut short", good.substr(0, good.size() - 1)},
      {"two documents", good + good},
      {"a trailing NUL", good + std::string(1, '\0')},
      {"a byte order mark", "\xef\xbb\xbf" + good},
      {"payloadType twice", from("{\"payloadType\"", "{\"payloadType\":\"x\",\"payloadType\"")},
      {"payload twice, once escaped", from("{\"payloadType\"", R"({"p\u0061yload":"e30=","payloadType")")},
      {"an unknown member twice", from("{\"payloadType\"", "{\"x\":1,\"x\":1,\"payloadType\"")},
      {"keyid twice in a signature", from("{\"keyid\"", "{\"keyid\":\"x\",\"keyid\"")},
      {"no payloadType", from("\"payloadType\"", "\"payloadtype\"")},
      {"no payload", from("\"payload\":", "\"Payload\":")},
      {"no signatures", from("\"signatures\"", "\"signature\"")},
      {"signatures as object",
       R"({"payloadType":"application/vnd.landfall.peerlist.v1+json","payload":"","signatures":{}})"},
      {"a signature as text",
       R"({"payloadType":"application/vnd.landfall.peerlist.v1+json","payload":"","signatures":["x"]})"},
      {"a signature without keyid", from("\"keyid\"", "\"kid\"")},
      {"a signature without sig", from("\"sig\"", "\"signature\"")},
      {"keyid as number", from("\"keyid\":\"", "\"keyid\":1,\"k\":\"")},
      {"another payloadType", from("peerlist.v1", "peerlist.v2")},
      {"a payloadType in capitals", from("application/", "APPLICATION/")},
      {"payload with a line break", from(payload, payload.substr(0, 76) + "\\n" + payload.substr(76))},
      {"payload with a space", from(payload, payload + " ")},
      {"payload with padding too much", from(payload, payload + "====")},
      {"payload cut in a quantum", from(payload, payload.substr(0, payload.size() - 1))},
      {"payload in the URL alphabet", from(payload, "-_" + payload.substr(2))},
      {"a fraction", from("{\"payloadType\"", "{\"x\":1.0,\"payloadType\"")},
      {"an exponent", from("{\"payloadType\"", "{\"x\":1e3,\"payloadType\"")},
      {"minus nought", from("{\"payloadType\"", "{\"x\":-0,\"payloadType\"")},
      {"2^53", from("{\"payloadType\"", "{\"x\":9007199254740992,\"payloadType\"")},
      {"too deep", from("{\"payloadType\"", "{\"x\":[[[[[[[]]]]]]],\"payloadType\"")},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(checked({row.bytes}) == row.expect);
  }
}

TEST_CASE("The payload is not parsed before the threshold holds") {
  // Rubbish that nobody signed is forged, not malformed: the parser never sees it.
  for (const auto* const payload : {"", "rubbish", "{\"a\":1,\"a\":1}", "[[[[[[[[[[[["}) {
    CAPTURE(payload);
    CHECK(checked(fakes::sign(document_type::list, payload, {"list a"})) == "below_threshold");
    CHECK(checked(fakes::sign(document_type::list, payload, signers)) == "malformed");
  }
}

TEST_CASE("A payload's text is taken strictly") {
  const auto good = fakes::text(publisher.list_payload({.version = 7}));
  struct row {
    const char *name, *from, *to;
    const char* expect = "malformed";
  };
  const row rows[] = {
      {"as it should be", "\"version\":7", "\"version\":7", "accepted"},
      {"white space", "\"version\":7", " \"version\" :\n7 ", "accepted"},
      {"the largest number", "\"version\":7", "\"version\":9007199254740991", "accepted"},
      {"version twice", "\"version\":7", "\"version\":7,\"version\":8"},
      {"version twice by escape", "\"version\":7", R"("version":7,"v\u0065rsion":8)"},
      {"7.0", "\"version\":7", "\"version\":7.0"},
      {"1e3", "\"version\":7", "\"version\":1e3"},
      {"-0", "\"version\":7", "\"version\":-0"},
      {"-1", "\"version\":7", "\"version\":-1"},
      {"+7", "\"version\":7", "\"version\":+7"},
      {"07", "\"version\":7", "\"version\":07"},
      {"2^53", "\"version\":7", "\"version\":9007199254740992"},
      {"2^64", "\"version\":7", "\"version\":18446744073709551616"},
      {"a text", "\"version\":7", "\"version\":\"7\""},
      {"true", "\"version\":7", "\"version\":true"},
      {"null", "\"version\":7", "\"version\":null"},
      {"a fraction in an unknown member", "\"version\":7", "\"version\":7,\"x\":0.5"},
      {"an unknown member too deep", "\"version\":7", "\"version\":7,\"x\":[[[[[[[]]]]]]]"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(checked(fakes::sign(document_type::list, replaced(good, row.from, row.to), signers)) == row.expect);
  }
  CHECK(checked(fakes::sign(document_type::list, good + "x", signers)) == "malformed");
  CHECK(checked(fakes::sign(document_type::list, good + "\n", signers)) == "accepted");
}

TEST_CASE("A list has what it needs, in order and within its limits") {
  struct row {
    const char* name;
    std::function<void(json::object&)> spoil;
    const char* expect = "malformed";
  };
  const auto endpoint = [](const char* text) {
    return [text](json::object& p) { first_peer(p)["endpoints"] = json::array{text}; };
  };
  const auto route = [](json::object r) { return [r](json::object& p) { p["routes"] = json::array{r}; }; };
  const auto server = [](const char* url) {
    return [url](json::object& p) { p["servers"] = json::array{{{"keyid", keyid("server")}, {"url", url}}}; };
  };
  const row rows[] = {
      {"as it should be", [](json::object&) {}, "accepted"},
      {"without what is optional",
       [](json::object& p) {
         for (const auto* const name : {"revoked", "servers", "routes"}) p.erase(name);
         for (const auto* const name : {"roles", "asn", "cc", "seen", "weight"}) first_peer(p).erase(name);
       },
       "accepted"},
      {"unknown members", [](json::object& p) { first_peer(p)["future"] = p["future"] = json::array{nullptr}; },
       "accepted"},
      {"no peers at all", [](json::object& p) { p["peers"] = json::array{}; }, "accepted"},
      {"256 peers", [](json::object& p) { p["peers"] = fakes::peers(256); }, "accepted"},
      {"257 peers", [](json::object& p) { p["peers"] = fakes::peers(257); }, "too_large"},
      {"5 endpoints",
       [](json::object& p) {
         first_peer(p)["endpoints"] =
             json::array{"tcp://198.51.100.1:1", "tcp://198.51.100.1:2", "tcp://198.51.100.1:3", "tcp://198.51.100.1:4",
                         "tcp://198.51.100.1:5"};
       },
       "too_large"},
      {"too large and malformed",
       [](json::object& p) {
         p["version"] = "x";
         p["peers"] = fakes::peers(257);
       },
       "too_large"},
      {"a text of 513 bytes", [](json::object& p) { first_peer(p)["roles"] = json::array{std::string(513, 'r')}; },
       "too_large"},
      {"9 roles", [](json::object& p) { first_peer(p)["roles"] = json::array(9, "relay"); }, "too_large"},
      {"17 routes", [](json::object& p) { p["routes"] = json::array(17, json::object{{"kind", "bridge"}}); },
       "too_large"},
      {"65 servers",
       [](json::object& p) {
         p["servers"] = json::array(65, {{"keyid", keyid("server")}, {"url", "https://s.example.net/x/"}});
       },
       "too_large"},
      {"another network", [](json::object& p) { p["network"] = "other"; }, "wrong_network"},
      {"the network in capitals", [](json::object& p) { p["network"] = "Testnet"; }, "wrong_network"},
      {"another channel", [](json::object& p) { p["channel"] = "small-0"; }, "wrong_channel"},
      {"another network and channel",
       [](json::object& p) {
         p["network"] = "other";
         p["channel"] = "small-0";
       },
       "wrong_network"},
      {"malformed and of another network",
       [](json::object& p) {
         p["network"] = "other";
         p["version"] = -1;
       }},
      {"a root that we do not have", [](json::object& p) { p["root_version"] = 2; }, "root_needed"},
      {"an epoch that no root gave", [](json::object& p) { p["epoch"] = 2; }, "root_needed"},
      {"the type of roots", [](json::object& p) { p["type"] = "root"; }},
      {"spec 2", [](json::object& p) { p["spec"] = 2; }},
      {"spec 0", [](json::object& p) { p["spec"] = 0; }},
      {"spec as text", [](json::object& p) { p["spec"] = "1"; }},
      {"an empty network", [](json::object& p) { p["network"] = ""; }},
      {"fresh_until before issued", [](json::object& p) { p["fresh_until"] = fakes::now - 1; }},
      {"expires before fresh_until", [](json::object& p) { p["expires"] = fakes::now + fakes::day - 1; }},
      {"all dates one", [](json::object& p) { p["expires"] = p["fresh_until"] = p["issued"]; }, "accepted"},
      {"a life of 31 days", [](json::object& p) { p["expires"] = fakes::now + 31 * fakes::day; }, "accepted"},
      {"a life over 31 days", [](json::object& p) { p["expires"] = fakes::now + 31 * fakes::day + 1; }},
      {"peers as object", [](json::object& p) { p["peers"] = json::object{}; }},
      {"a peer as text", [](json::object& p) { p["peers"] = json::array{"x"}; }},
      {"an id twice", [](json::object& p) { p["peers"].as_array()[1] = p["peers"].as_array()[0]; }},
      {"an id too short", [](json::object& p) { first_peer(p)["id"] = fakes::peer_id(0).substr(1); }},
      {"an id too long", [](json::object& p) { first_peer(p)["id"] = fakes::peer_id(0) + "A"; }},
      {"an id with padding", [](json::object& p) { first_peer(p)["id"] = fakes::peer_id(0) + "="; }},
      {"an id in the other alphabet", [](json::object& p) { first_peer(p)["id"] = std::string(42, '+') + "A"; }},
      {"an id with stray bits", [](json::object& p) { first_peer(p)["id"] = std::string(42, 'A') + "B"; }},
      {"an id as number", [](json::object& p) { first_peer(p)["id"] = 5; }},
      {"no id", [](json::object& p) { first_peer(p).erase("id"); }},
      {"no endpoints member", [](json::object& p) { first_peer(p).erase("endpoints"); }},
      {"no endpoint", [](json::object& p) { first_peer(p)["endpoints"] = json::array{}; }},
      {"an endpoint as number", [](json::object& p) { first_peer(p)["endpoints"] = json::array{443}; }},
      {"IPv6 and UDP", endpoint("udp://[2001:db8::1]:443"), "accepted"},
      {"a name for an address", endpoint("tcp://peer.example.net:443")},
      {"an unknown scheme", endpoint("http://198.51.100.1:80")},
      {"port 0", endpoint("tcp://198.51.100.1:0")},
      {"port 65536", endpoint("tcp://198.51.100.1:65536")},
      {"no port", endpoint("tcp://198.51.100.1")},
      {"a private address", endpoint("tcp://192.168.1.1:443")},
      {"loopback", endpoint("tcp://127.0.0.1:443")},
      {"loopback, IPv6", endpoint("tcp://[::1]:443")},
      {"loopback, mapped", endpoint("tcp://[::ffff:127.0.0.1]:443")},
      {"loopback, by NAT64", endpoint("tcp://[64:ff9b::7f00:1]:443")},
      {"multicast", endpoint("udp://224.0.0.251:5353")},
      {"cc in small letters", [](json::object& p) { first_peer(p)["cc"] = "de"; }},
      {"cc of three letters", [](json::object& p) { first_peer(p)["cc"] = "DEU"; }},
      {"cc empty", [](json::object& p) { first_peer(p)["cc"] = ""; }, "accepted"},
      {"an AS of 2^32", [](json::object& p) { first_peer(p)["asn"] = 1LL << 32; }},
      {"weight -1", [](json::object& p) { first_peer(p)["weight"] = -1; }},
      {"revoked as text", [](json::object& p) { p["revoked"] = fakes::peer_id(0); }},
      {"a revoked id that is none", [](json::object& p) { p["revoked"] = json::array{"x"}; }},
      {"a server", server("https://s.example.net/x/"), "accepted"},
      {"a server without TLS: what it serves is signed", server("http://s.example.net/x/"), "accepted"},
      {"a relative server", server("/x/")},
      {"a server on this machine", server("https://localhost/x/")},
      {"a server on loopback", server("https://127.0.0.1/x/")},
      {"a server in a private net", server("https://10.0.0.1/x/")},
      {"a server without keyid",
       [](json::object& p) { p["servers"] = json::array{{{"url", "https://s.example.net/x/"}}}; }},
      {"a route", route({{"kind", "https"}, {"url", "https://r.example.net/x/"}, {"tier", 1}}), "accepted"},
      {"a route of a later release", route({{"kind", "carrier-pigeon"}, {"loft", 3}}), "accepted"},
      {"a route with a member of a later release",
       route({{"kind", "https"}, {"url", "https://r.example.net/x/"}, {"ech", "…"}}), "accepted"},
      {"a route without kind", route({{"url", "https://r.example.net/x/"}})},
      {"a route that is none", [](json::object& p) { p["routes"] = json::array{1}; }},
      {"a route by DHT", route({{"kind", "dht"}})},
      {"a route by DNS", route({{"kind", "dns"}, {"zone", "peers.example.net"}})},
      {"a route that names a file",
       route({{"kind", "https"}, {"url", "https://r.example.net/x/"}, {"ca", "/etc/passwd"}})},
      {"a route that names a program", route({{"kind", "bridge"}, {"exec", "/bin/sh"}})},
      {"a route that names a proxy", route({{"kind", "bridge"}, {"upstream_proxy", "socks5://198.51.100.1:1"}})},
      {"a route that names a resolver",
       route({{"kind", "https"}, {"url", "https://r.example.net/x/"}, {"resolvers", json::array{"198.51.100.1"}}})},
      {"a route that names its ClientHello",
       route({{"kind", "https"}, {"url", "https://r.example.net/x/"}, {"profile", "x"}})},
      {"a route to a private address", route({{"kind", "https"}, {"url", "https://10.0.0.1/x/"}})},
      {"a route to loopback", route({{"kind", "https"}, {"url", "https://localhost/x/"}})},
      {"a relative route", route({{"kind", "https"}, {"url", "/x/"}})},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto payload = publisher.list_payload();
    row.spoil(payload);
    CHECK(checked(fakes::sign(document_type::list, payload, signers)) == row.expect);
  }
  for (const auto* const member : {"type", "spec", "network", "channel", "epoch", "version", "root_version", "issued",
                                   "fresh_until", "expires", "peers"}) {
    CAPTURE(member);
    auto payload = publisher.list_payload();
    payload.erase(member);
    CHECK(checked(fakes::sign(document_type::list, payload, signers)) == "malformed");
  }
}

TEST_CASE("What a list says is what comes out") {
  auto payload = publisher.list_payload(
      {.epoch = 1, .version = 9, .peers = 3, .revoked = {fakes::peer_id(1)}, .servers = {"server"}});
  payload["routes"] =
      json::array{{{"kind", "carrier-pigeon"}}, {{"kind", "https"}, {"url", "https://r.example.net/x/"}}};
  const auto list = trust::verify_list(anchor(), fakes::sign(document_type::list, payload, signers), "public-0", false);
  REQUIRE(list.has_value());
  const auto& l = **list;
  CHECK(l.network == "testnet");
  CHECK(l.channel == "public-0");
  CHECK(l.order == trust::list_order{1, 9});
  CHECK(l.fresh_until == fakes::now + fakes::day);
  REQUIRE(l.peers.size() == 2); // the revoked one is gone
  CHECK(l.peers[0].id == fakes::peer_id(0));
  CHECK(l.peers[1].id == fakes::peer_id(2));
  CHECK(l.peers[0].endpoints.size() == 2);
  CHECK(l.peers[0].endpoints[0].to_string() == "tcp://11.0.0.1:443");
  CHECK(l.peers[0].roles == std::vector<std::string>{"relay"});
  CHECK(l.peers[0].asn == 64496);
  CHECK(l.peers[0].cc == "AX");
  CHECK(l.peers[0].weight == 100);
  CHECK(l.revoked == std::vector<std::string>{fakes::peer_id(1)});
  REQUIRE(l.servers.size() == 1);
  CHECK(l.servers[0].keyid == keyid("server"));
  CHECK(l.servers[0].url.host == "server.example.net");
  REQUIRE(l.routes.size() == 1); // the pigeons are for later releases
  CHECK(config::kind_of(l.routes[0].target) == "https");
}

TEST_CASE("A lab may name private addresses, and nothing else more") {
  auto payload = publisher.list_payload();
  first_peer(payload)["endpoints"] = json::array{"tcp://127.0.0.1:443", "udp://[fd00::1]:443"};
  payload["servers"] = json::array{{{"keyid", keyid("server")}, {"url", "https://127.0.0.1:8443/x/"}}};
  CHECK(checked(fakes::sign(document_type::list, payload, signers), true) == "accepted");
  payload["routes"] = json::array{{{"kind", "https"}, {"url", "https://127.0.0.1:8443/x/"}, {"ca", "/etc/passwd"}}};
  CHECK(checked(fakes::sign(document_type::list, payload, signers), true) == "malformed");
}

TEST_CASE("A live list has what it needs") {
  const auto list = trust::verify_list(anchor(), publisher.list({.servers = {"server"}}), "public-0", false).value();
  struct row {
    const char* name;
    std::function<void(json::object&)> spoil;
    const char* expect = "malformed";
  };
  const row rows[] = {
      {"as it should be", [](json::object&) {}, "accepted"},
      {"256 peers", [](json::object& p) { p["peers"] = fakes::peers(256); }, "accepted"},
      {"257 peers", [](json::object& p) { p["peers"] = fakes::peers(257); }, "too_large"},
      {"a life over 600 seconds", [](json::object& p) { p["expires"] = fakes::now + 601; }},
      {"expired before it was issued", [](json::object& p) { p["expires"] = fakes::now - 1; }},
      {"expires at the end of time", [](json::object& p) { p["expires"] = (1LL << 53) - 1; }},
      {"another server", [](json::object& p) { p["server"] = keyid("second"); }, "below_threshold"},
      {"server as text of another kind", [](json::object& p) { p["server"] = "server"; }},
      {"the type of lists", [](json::object& p) { p["type"] = "peerlist"; }},
      {"no seq", [](json::object& p) { p.erase("seq"); }},
      {"no bucket", [](json::object& p) { p.erase("bucket"); }},
      {"bucket -1", [](json::object& p) { p["bucket"] = -1; }},
      {"a private address", [](json::object& p) { first_peer(p)["endpoints"] = json::array{"tcp://10.0.0.1:1"}; }},
      {"an id twice", [](json::object& p) { p["peers"].as_array()[1] = p["peers"].as_array()[0]; }},
      {"another network", [](json::object& p) { p["network"] = "other"; }, "wrong_network"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto payload = publisher.live_payload();
    row.spoil(payload);
    CHECK(said(trust::verify_live(list, fakes::sign(document_type::live, payload, {"server"}), false)) == row.expect);
  }
}

TEST_CASE("The publisher's check says what readers would say") {
  using enum document_type;
  auto bad = publisher.root_payload();
  bad["roles"].as_object()["list"].as_object()["threshold"] = 0;
  auto lab = publisher.list_payload();
  first_peer(lab)["endpoints"] = json::array{"tcp://127.0.0.1:443"};
  CHECK(said(trust::check_payload(root, fakes::text(publisher.root_payload()), false)) == "accepted");
  CHECK(said(trust::check_payload(list, fakes::text(publisher.list_payload()), false)) == "accepted");
  CHECK(said(trust::check_payload(live, fakes::text(publisher.live_payload()), false)) == "accepted");
  CHECK(said(trust::check_payload(root, fakes::text(bad), false)) == "bad_root");
  CHECK(said(trust::check_payload(list, fakes::text(publisher.root_payload()), false)) == "malformed");
  CHECK(said(trust::check_payload(list, fakes::text(lab), false)) == "malformed");
  CHECK(said(trust::check_payload(list, fakes::text(lab), true)) == "accepted");
  CHECK(said(trust::check_payload(list, fakes::text(publisher.list_payload({.peers = 257})), false)) == "too_large");
  CHECK(said(trust::check_payload(list, std::string(100'000, ' '), false)) == "too_large"); // once in base64
}

TEST_CASE("No single changed byte of an envelope changes what is believed") {
  // Harmless places exist: white space, unknown members, and the claimed id or bytes of a signature beyond the
  // threshold. What counts: never another payload, and never fewer than two signers.
  const auto good = publisher.list({.peers = 1, .signers = {"list a", "list b"}});
  const auto id = trust::verify_list(anchor(), good, "public-0", false)->id();
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < good.bytes.size(); ++at) {
    auto bytes = good.bytes;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 7));
    const auto list = trust::verify_list(anchor(), {bytes}, "public-0", false);
    if (!list) continue;
    ++accepted;
    CAPTURE(at);
    CHECK(list->id() == id);
    CHECK(list->signers().size() == 2);
  }
  CHECK(accepted == 0); // both signatures are needed, and there is nothing else in this envelope
}
