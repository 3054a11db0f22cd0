// Configured routes and those of a signed list as routes that can be raced.
#include "sidecar/routes.hpp"

#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/made_routes.hpp"
#include "tests/fakes/publisher.hpp"
#include "tests/fakes/run.hpp"
#include "trust/verify.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using base::outcome;
namespace json = boost::json;

namespace {

config::route fronted(std::string name, std::vector<config::front> fronts) {
  config::route out;
  out.name = out.group = std::move(name);
  out.target = config::fronted_target{*config::url::parse("https://hidden.example.org/7f3a9c/"), std::move(fronts), {}};
  return out;
}

config::route direct(std::string name, const std::string& url) {
  config::route out;
  out.name = out.group = std::move(name);
  out.target = config::https_target{*config::url::parse(url), {}};
  return out;
}

config::settings settings_of(std::vector<config::route> routes) {
  config::settings out;
  out.network.id = "testnet";
  out.routes = std::move(routes);
  return out;
}

using made = fakes::made_routes;

std::vector<std::string> names(const sidecar::route_set& set) {
  std::vector<std::string> out;
  for (const auto& route : set.usable) out.push_back(route.name);
  return out;
}

/// One fetch of a route, beside a server that counts who comes.
net::asio::awaitable<net::result<trust::unverified_document>>
fetch_beside(const fallback::route& what, fakes::hostile_server& server, fallback::avoid_fn avoid) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::scope children(executor);
  children.spawn(server.serve());
  fallback::document_request request;
  request.avoid = std::move(avoid);
  auto fetching = what.fetch(std::move(request), nullptr);
  auto got = co_await std::move(fetching);
  children.cancel();
  co_await children.join();
  co_return got;
}

} // namespace

TEST_CASE("fronted and direct routes are raced, with the places that are known beforehand") {
  const made all(settings_of({fronted("front", {{"a.example", std::nullopt, 443}, {"b.example", "203.0.113.7", 8443}}),
                              direct("named", "https://bootstrap.example.net/7f3a9c/"),
                              direct("addressed", "https://203.0.113.9:8443/7f3a9c/")}));
  REQUIRE(names(all.set) == std::vector<std::string>{"front", "named", "addressed"});
  CHECK(all.set.usable[0].kind == "fronted");
  CHECK(all.set.usable[0].places ==
        std::vector<base::place>{{"", 443, "a.example"}, {"203.0.113.7", 8443, "b.example"}});
  CHECK(all.set.usable[1].places.empty());
  CHECK(all.set.usable[2].places == std::vector<base::place>{{"203.0.113.9", 8443, ""}});
}

TEST_CASE("each bridge line is a route of its own; those that cannot be used say why") {
  const std::string cert(70, 'A');
  config::route bridges;
  bridges.name = bridges.group = "bridge";
  bridges.tier = 2;
  bridges.target = config::bridge_target{};
  auto settings = settings_of({bridges});
  const made none(settings);
  REQUIRE(none.set.known.size() == 1);
  CHECK(none.set.known[0].off.find("no bridge leads") != std::string::npos);

  const auto line = [&](const std::string& text, const std::string& far_end) {
    settings.bridges.push_back({base::sensitive<std::string>(text), far_end});
  };
  line("obfs4 192.0.2.1:443 cert=" + cert + " iat-mode=0", "landfall");
  line("snowflake 192.0.2.2:80 url=https://snowflake.example/", "landfall");
  line("obfs4 192.0.2.3:443 cert=" + cert + " iat-mode=0", "tor");
  line("webtunnel 192.0.2.4:443 url=https://tunnel.example/secret", "landfall");
  const made all(settings);
  CHECK(names(all.set) == std::vector<std::string>{"bridge.1", "bridge.3"});
  REQUIRE(all.set.known.size() == 3);
  CHECK(all.set.known[1].off.find("snowflake") != std::string::npos);
  CHECK(all.set.usable[0].places == std::vector<base::place>{{"192.0.2.1", 443, ""}});
  CHECK(all.set.usable[0].group.empty());
  // Random bytes stand out; a connection to a web server does not.
  CHECK(fallback::visibility_of(all.set.usable[0]).cost == fallback::cost::conspicuous);
  CHECK(fallback::visibility_of(all.set.usable[1]).cost == fallback::cost::quiet);
}

TEST_CASE("an onion route whose key cannot be read is off, and no tor is started for it") {
  config::route onion;
  onion.name = onion.group = "onion";
  onion.tier = 3;
  config::onion_target target;
  target.url = *config::url::parse("http://2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion/");
  onion.target = target;
  const made good(settings_of({onion}));
  CHECK(names(good.set) == std::vector<std::string>{"onion"});
  target.auth_key = "/nonexistent/key";
  onion.target = target;
  const made bad(settings_of({onion}));
  CHECK(bad.set.usable.empty());
  CHECK_FALSE(bad.set.known[0].off.empty());
}

TEST_CASE("what upstream_proxy turns off, and what it does not") {
  auto settings =
      settings_of({fronted("front", {{"a.example", std::nullopt, 443}}), direct("direct", "https://b.example/x/")});
  config::route zone, dht;
  zone.name = "zone";
  zone.target = config::dns_target{"peers.example.net", {}};
  dht.name = "dht";
  dht.target = config::dht_target{};
  settings.routes.push_back(zone);
  settings.routes.push_back(dht);
  settings.sidecar.upstream_proxy = base::sensitive<std::string>("socks5://us%65r:w%40rd@127.0.0.1:9");
  settings.dns.doh.emplace_back("https://dns.example.net/dns-query@192.0.2.53");
  const made all(std::move(settings));
  CHECK(names(all.set) == std::vector<std::string>{"front", "direct"});
  CHECK(all.set.known[2].off.find("upstream_proxy") != std::string::npos);
  CHECK(all.set.known[3].off.find("upstream_proxy") != std::string::npos);
}

TEST_CASE("a proxy that cannot be read is not passed by") {
  for (const char* text : {"socks5://", "socks5://127.0.0.1", "socks5://127.0.0.1:0", "socks5://127.0.0.1:65536",
                           "ftp://127.0.0.1:9", "127.0.0.1:9", " "}) {
    CAPTURE(text);
    auto settings = settings_of({direct("direct", "https://b.example/x/")});
    settings.sidecar.upstream_proxy = base::sensitive<std::string>(text);
    const made all(std::move(settings));
    CHECK(all.set.usable.empty());
    CHECK(all.set.known[0].off.find("upstream_proxy") != std::string::npos);
  }
}

TEST_CASE("a profile is refused, never left out") {
  auto route = direct("direct", "https://b.example/x/");
  std::get<config::https_target>(route.target).tls.profile = "chrome";
  const made all(settings_of({route}));
  CHECK(all.set.usable.empty());
  CHECK(all.set.known[0].off.find("profile") != std::string::npos);
}

TEST_CASE("routes of a signed list join the configured ones and replace none; forbidden ones never come so far") {
  const fakes::publisher publisher("testnet");
  const auto anchor = trust::verify_anchor(publisher.root(), "testnet").value();
  const std::vector<std::string> signers = fakes::list_options{}.signers;
  const auto routes_of = [&](json::array routes) -> std::optional<std::vector<std::string>> {
    auto payload = publisher.list_payload();
    payload["routes"] = std::move(routes);
    const auto list =
        trust::verify_list(anchor, fakes::sign(trust::document_type::list, payload, signers), "public-0", false);
    if (!list) return std::nullopt;
    return names(made(settings_of({fronted("mine", {{"a.example", "203.0.113.7", 443}})}), &**list).set);
  };
  const auto with = [](json::object more) {
    json::object out{
        {"kind", "fronted"}, {"url", "https://other.example.org/x/"}, {"fronts", json::array{"b.example"}}};
    for (const auto& member : more) out[member.key()] = member.value();
    return json::array{std::move(out)};
  };
  using all = std::vector<std::string>;
  CHECK(routes_of(with({})) == all{"mine", "list-fronted-1"});
  CHECK(routes_of(with({{"name", "mine"}})) == all{"mine", "list-mine-1"});
  CHECK(routes_of(with({{"sni", "off"}, {"tier", 2}})) == all{"mine", "list-fronted-1"});
  CHECK_MESSAGE(routes_of({{{"kind", "fronted"},
                            {"url", "https://hidden.example.org/7f3a9c/"},
                            {"fronts", json::array{"a.example@203.0.113.7"}}}}) == all{"mine"},
                "the same route twice is one");
  struct row {
    std::string name;
    json::object member;
  };
  const row forbidden[] = {
      {"a file", {{"ca", "/etc/passwd"}}},
      {"a ClientHello", {{"profile", "x"}}},
      {"a split hello", {{"split_hello", true}}},
      {"resolvers", {{"resolvers", json::array{"198.51.100.1"}}}},
      {"a key", {{"auth_key", "/etc/shadow"}}},
      {"a private front", {{"fronts", json::array{"b.example@192.168.1.1"}}}},
      {"a loopback front", {{"fronts", json::array{"b.example@127.0.0.1:8080"}}}},
      {"a mapped loopback front", {{"fronts", json::array{"b.example@[::ffff:127.0.0.1]"}}}},
      {"this machine as front", {{"fronts", json::array{"localhost"}}}},
      {"a number as front", {{"fronts", json::array{"127.1"}}}},
      {"one good front and a private one", {{"fronts", json::array{"b.example", "c.example@10.0.0.1"}}}},
      {"a private inner host", {{"url", "https://10.0.0.1/x/"}}},
      {"an inner host without TLS", {{"url", "http://other.example.org/x/"}}},
      {"an onion address", {{"url", "https://" + std::string(56, 'a') + ".onion/x/"}}},
  };
  for (const auto& row : forbidden) {
    CAPTURE(row.name);
    CHECK_FALSE(routes_of(with(row.member)).has_value());
  }
}

TEST_CASE("a name of a signed list that leads to this machine or a private net is not followed") {
  for (const bool lab : {false, true}) {
    CAPTURE(lab);
    net::asio::io_context io;
    fakes::hostile_server server(io.get_executor(), fakes::end_after_first_flight);
    trust::peer_list list;
    list.routes.push_back(direct("list-https-1", "https://localhost:" + std::to_string(server.port()) + "/x/"));
    auto settings = settings_of({});
    settings.network.lab = lab;
    sidecar::transports through(io.get_executor(), settings, base::system_clock());
    const auto set = sidecar::make_routes(settings, &list, through);
    REQUIRE(set.usable.size() == 1);
    const auto got = fakes::run_on(io, fetch_beside(set.usable[0], server, nullptr));
    REQUIRE(got.has_error());
    CHECK(base::name(got.error().what) == base::name(lab ? outcome::reset_after_hello : outcome::cancelled));
    CHECK((server.accepted() > 0) == lab);
  }
}

TEST_CASE("avoid is asked for every address and every front before it is used") {
  net::asio::io_context io;
  fakes::hostile_server server(io.get_executor(), fakes::end_after_first_flight);
  const auto port = server.port();
  const auto settings =
      settings_of({fronted("front", {{"a.example", "127.0.0.1", port}, {"b.example", "127.0.0.1", port}}),
                   direct("direct", "https://127.0.0.1:" + std::to_string(port) + "/x/")});
  sidecar::transports through(io.get_executor(), settings, base::system_clock());
  const auto set = sidecar::make_routes(settings, nullptr, through);
  REQUIRE(set.usable.size() == 2);
  const auto fetched = [&](std::size_t route, const fallback::avoid_fn& avoid) {
    return fakes::run_on(io, fetch_beside(set.usable[route], server, avoid)).error();
  };
  std::vector<base::place> asked;
  const auto nowhere = [&asked](const base::place& where) {
    asked.push_back(where);
    return true;
  };
  CHECK(fetched(0, nowhere).what == outcome::cancelled);
  CHECK(fetched(1, nowhere).what == outcome::cancelled);
  CHECK(server.accepted() == 0);
  REQUIRE(asked.size() == 3);
  CHECK(asked[2] == base::place{"127.0.0.1", port, ""});

  const auto not_a = [](const base::place& where) { return where.front == "a.example"; };
  const auto failed = fetched(0, not_a);
  CHECK(failed.what == outcome::reset_after_hello);
  CHECK(failed.where == base::place{"127.0.0.1", port, "b.example"});
  CHECK(server.accepted() == 1);
  CHECK(fetched(1, nullptr).where == base::place{"127.0.0.1", port, ""});
}
