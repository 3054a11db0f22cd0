#include "config/route.hpp"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace landfall;

TEST_CASE("URLs are absolute, end with a slash and hold no more than host, port and path") {
  const std::tuple<const char*, std::string, const char*> rows[] = {
      {"the usual", "https://bootstrap1.example.net/7f3a9c/", "https://bootstrap1.example.net/7f3a9c/"},
      {"its root", "https://a.example/", "https://a.example/"},
      {"upper case in scheme and host", "HTTPS://A.Example/X/", "https://a.example/X/"},
      {"its usual port", "https://a.example:443/", "https://a.example/"},
      {"another port", "http://a.example:8080/", "http://a.example:8080/"},
      {"an address", "https://192.0.2.1/x/", "https://192.0.2.1/x/"},
      {"an IPv6 address", "https://[2001:DB8::1]:8443/x/", "https://[2001:db8::1]:8443/x/"},
      {"an escape in the path", "https://a.example/%C3%BC/", "https://a.example/%C3%BC/"},
      {"relative", "/7f3a9c/", nullptr},
      {"relative to the scheme", "//a.example/x/", nullptr},
      {"a name alone", "a.example", nullptr},
      {"another scheme", "ftp://a.example/", nullptr},
      {"no host", "https:///x/", nullptr},
      {"no authority", "https:x/", nullptr},
      {"no slash at the end", "https://a.example/x", nullptr},
      {"no path", "https://a.example", nullptr},
      {"a user", "https://user@a.example/", nullptr},
      {"a query", "https://a.example/?x=1", nullptr},
      {"an empty query", "https://a.example/?", nullptr},
      {"a fragment", "https://a.example/#x", nullptr},
      {"port 0", "https://a.example:0/", nullptr},
      {"port 65536", "https://a.example:65536/", nullptr},
      {"a port that wraps around 16 bits", "https://a.example:300000/", nullptr},
      {"port without a number", "https://a.example:/", nullptr},
      {"a dot segment", "https://a.example/x/../y/", nullptr},
      {"an escaped dot segment", "https://a.example/%2e%2E/", nullptr},
      {"an address in disguise", "https://127.1/", nullptr},
      {"an address in hex", "https://0x7f000001/", nullptr},
      {"an escape in the host", "https://a%2eexample/", nullptr},
      {"a scope", "https://[fe80::1%25eth0]/", nullptr},
      {"a space", "https://a.example/x y/", nullptr},
      {"an underscore", "https://a_b.example/", nullptr},
      {"nothing", "", nullptr},
      {"too long", "https://a.example/" + std::string(2048, 'x') + "/", nullptr},
  };
  for (const auto& [name, text, canonical] : rows) {
    CAPTURE(name);
    const auto parsed = config::url::parse(text);
    CHECK(parsed.has_value() == (canonical != nullptr));
    if (!parsed || !canonical) continue;
    CHECK(parsed->reveal() == canonical);
    CHECK(config::url::parse(parsed->reveal()).value() == *parsed);
  }
  CHECK(config::url::parse("/7f3a9c/").error().detail == "relative; write https://HOST/PATH/");
}

TEST_CASE("the path of a URL does not print") {
  CHECK(fmt::format("{}", config::url::parse("https://a.example/7f3a9c/")->path) == "[scrubbed]");
}

namespace {

constexpr const char* obfs4 =
    "obfs4 192.0.2.10:4443 cert=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMw iat-mode=0";

base::result<config::route> from_document(std::string text, bool lab = false) {
  for (char& c : text)
    if (c == '\'') c = '"';
  if (const auto at = text.find("OBFS4"); at != text.npos) text.replace(at, 5, obfs4);
  return config::route_from_document(boost::json::parse(text), 2, lab);
}

} // namespace

TEST_CASE("a route of a signed list is parsed as one of the file is") {
  const auto https = from_document(R"({'kind':'https','url':'https://a.example.net/x/','tier':3,'sni':'off'})");
  REQUIRE(https.has_value());
  CHECK(https->name == "list-https-3");
  CHECK(https->group == "a.example.net");
  CHECK(https->tier == 3);
  CHECK_FALSE(std::get<config::https_target>(https->target).tls.sni);

  const auto fronted = from_document(
      R"({'kind':'fronted','name':'best','url':'https://h.example/x/','fronts':['cdn.example@192.0.2.1']})");
  REQUIRE(fronted.has_value());
  CHECK(fronted->name == "list-best-3");
  CHECK(std::get<config::fronted_target>(fronted->target).fronts.front().address == "192.0.2.1");

  const auto bridge = from_document(R"({'kind':'bridge','lines':['OBFS4']})");
  REQUIRE(bridge.has_value());
  CHECK(std::get<config::bridge_target>(bridge->target).lines.front().reveal() == obfs4);

  const auto onion = from_document(
      R"({'kind':'onion','url':'http://duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion/'})");
  REQUIRE(onion.has_value());
  CHECK(onion->tier == 3);
  CHECK(std::get<config::onion_target>(onion->target).tor == "managed");
}

TEST_CASE("a signed list may name neither files, programs, proxies nor resolvers, and global addresses only") {
  struct row {
    const char *name, *text;
    bool in_lab;
  };
  const row rows[] = {
      {"not an object", "['https']", false},
      {"no kind", "{'url':'https://a.example/'}", false},
      {"unknown kind", "{'kind':'pigeon'}", false},
      {"dns", "{'kind':'dns','zone':'peers.example.net'}", false},
      {"dht", "{'kind':'dht'}", false},
      {"unknown member", "{'kind':'https','url':'https://a.example/','speed':1}", false},
      {"ca", "{'kind':'https','url':'https://a.example/','ca':'/etc/passwd'}", false},
      {"profile", "{'kind':'https','url':'https://a.example/','profile':'x'}", false},
      {"split_hello", "{'kind':'https','url':'https://a.example/','split_hello':true}", false},
      {"auth_key",
       "{'kind':'onion','url':'http://duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion/',"
       "'auth_key':'/etc/passwd'}",
       false},
      {"tor",
       "{'kind':'onion','url':'http://duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion/',"
       "'tor':'socks:192.0.2.1:9050'}",
       false},
      {"http", "{'kind':'https','url':'http://a.example/'}", false},
      {"a fraction for the tier", "{'kind':'https','url':'https://a.example/','tier':1.5}", false},
      {"a list for the URL", "{'kind':'https','url':['https://a.example/']}", false},
      {"no fronts", "{'kind':'fronted','url':'https://a.example/','fronts':[]}", false},
      {"17 fronts",
       "{'kind':'fronted','url':'https://a.example/','fronts':['a.b','a.b','a.b','a.b','a.b','a.b','a.b',"
       "'a.b','a.b','a.b','a.b','a.b','a.b','a.b','a.b','a.b','a.b']}",
       false},
      {"no bridge lines", "{'kind':'bridge'}", false},
      {"a bridge of a program of ours", "{'kind':'bridge','lines':['snowflake 192.0.2.3:80 url=https://b.example/']}",
       false},
      {"a vanilla bridge", "{'kind':'bridge','lines':['192.0.2.3:80']}", false},
      {"a loopback URL", "{'kind':'https','url':'https://127.0.0.1/x/'}", true},
      {"a private URL, IPv6", "{'kind':'https','url':'https://[fd00::1]/x/'}", true},
      {"an IPv4-mapped loopback URL", "{'kind':'https','url':'https://[::ffff:127.0.0.1]/x/'}", true},
      {"localhost", "{'kind':'https','url':'https://localhost/x/'}", true},
      {"below localhost", "{'kind':'fronted','url':'https://a.localhost/x/','fronts':['a.example']}", true},
      {"a private front", "{'kind':'fronted','url':'https://a.example/','fronts':['b.example@10.0.0.1']}", true},
      {"localhost as front", "{'kind':'fronted','url':'https://a.example/','fronts':['localhost']}", true},
      {"a private bridge", "{'kind':'bridge','lines':['webtunnel 10.0.0.1:443 url=https://a.example/']}", true},
      {"a bridge whose argument is a private URL",
       "{'kind':'bridge','lines':['webtunnel 192.0.2.1:443 url=https://10.0.0.1/']}", true},
      {"a bridge whose argument is a local URL",
       "{'kind':'bridge','lines':['webtunnel 192.0.2.1:443 url=https://localhost/']}", true},
      {"a bridge whose argument is a private address",
       "{'kind':'bridge','lines':['webtunnel 192.0.2.1:443 url=https://a.example/ addr=10.0.0.1:443']}", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto refused = from_document(row.text);
    CHECK_FALSE(refused.has_value());
    if (!refused) CHECK(refused.error().what == base::outcome::malformed);
    CHECK(from_document(row.text, true).has_value() == row.in_lab);
  }
}

TEST_CASE("why a route was refused is said without what it holds") {
  const auto refused = from_document("{'kind':'https','url':'https://10.1.2.3/secret/'}");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().detail.find("routes[2].url") != std::string::npos);
  CHECK(refused.error().detail.find("10.1.2.3") == std::string::npos);
  CHECK(refused.error().detail.find("secret") == std::string::npos);
}
