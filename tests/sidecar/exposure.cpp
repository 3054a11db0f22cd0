// What an observer gets from each kind of route, and what its target changes about that.
#include "sidecar/exposure.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using fallback::cost;

namespace {

config::https_target https(const char* url, bool sni = true) {
  config::https_target out;
  out.url = config::url::parse(url).value();
  out.tls.sni = sni;
  return out;
}

config::fronted_target fronted(std::vector<config::front> fronts) {
  config::fronted_target out;
  out.url = config::url::parse("https://hidden.example.org/7f3a9c/").value();
  out.fronts = std::move(fronts);
  return out;
}

config::bridge_target bridge(std::initializer_list<const char*> lines) {
  config::bridge_target out;
  for (const auto* line : lines) out.lines.emplace_back(line);
  return out;
}

constexpr const char* webtunnel =
    "webtunnel [2001:db8::1]:443 0123456789ABCDEF0123456789ABCDEF01234567 url=https://example.com/path";
constexpr const char* vanilla = "192.0.2.10:4443 0123456789ABCDEF0123456789ABCDEF01234567";

} // namespace

TEST_CASE("what a route shows follows from its kind and its target") {
  struct row {
    const char* name;
    config::route_target target;
    bool doh;
    fallback::visibility expected;
  };
  const row rows[] = {
      {"direct", https("https://a.example.net/s/"), false, {cost::quiet, true, false}},
      {"direct, with DNS over HTTPS", https("https://a.example.net/s/"), true, {cost::quiet, true, false}},
      {"direct, to an address", https("https://192.0.2.1/s/"), false, {cost::quiet, false, false}},
      {"direct, without SNI", https("https://a.example.net/s/", false), false, {cost::quiet, false, false}},
      {"a front by name", fronted({{"cdn-a.example.com", {}}}), false, {cost::quiet, false, true}},
      {"a front by name, with DNS over HTTPS", fronted({{"cdn-a.example.com", {}}}), true, {cost::quiet, false, true}},
      {"fronts by address",
       fronted({{"cdn-a.example.com", "203.0.113.7"}, {"cdn-b.example.com", "203.0.113.8"}}),
       false,
       {cost::quiet, false, false}},
      {"one of two by address",
       fronted({{"cdn-a.example.com", "203.0.113.7"}, {"cdn-b.example.com", {}}}),
       false,
       {cost::quiet, false, true}},
      {"a bridge that looks like the web", bridge({webtunnel}), false, {cost::quiet, false, false}},
      {"one that does not", bridge({vanilla}), false, {cost::conspicuous, false, false}},
      {"one of two", bridge({webtunnel, vanilla}), false, {cost::conspicuous, false, false}},
      {"no line at all", bridge({}), false, {cost::conspicuous, false, false}},
      {"onion", config::onion_target{}, false, {cost::conspicuous, false, false}},
      {"dns", config::dns_target{}, false, {cost::telling, false, true}},
      {"dht", config::dht_target{}, false, {cost::conspicuous, false, false}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    config::settings settings;
    settings.dns.doh.clear();
    if (row.doh) settings.dns.doh.emplace_back("https://dns.example.net/dns-query@192.0.2.53");
    config::route route;
    route.target = row.target;
    CHECK((sidecar::visibility_of(route, settings) == row.expected));
  }
  config::settings proxied;
  proxied.sidecar.upstream_proxy = base::sensitive<std::string>("socks5://192.0.2.1:1080");
  config::route by_name;
  by_name.target = fronted({{"cdn-a.example.com", {}}});
  CHECK_MESSAGE(!sidecar::visibility_of(by_name, proxied).plain_lookup, "the proxy looks it up");
  config::settings settings;
  settings.bridges.push_back({base::sensitive<std::string>(webtunnel), "tor"});
  config::route all;
  all.target = config::bridge_target{};
  CHECK_MESSAGE(sidecar::visibility_of(all, settings).cost == cost::quiet, "without lines of its own: all [[bridge]]");
}
