// DNS over HTTPS against a real unbound, and that a sensitive name is asked for in no other way.
#include "http/doh.hpp"

#include "net/relay.hpp"
#include "tests/fakes/dns_server.hpp"
#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/test_ca.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using http::name_kind;
using http::record_type;
using net::asio::awaitable;
using addresses = net::result<std::vector<net::asio::ip::address>>;

namespace {

/// Debian's unbound as a resolver over HTTPS that knows a few names and asks nobody.
struct real_resolver {
  explicit real_resolver(std::string_view names = "DNS:resolver.example,IP:127.0.0.1", fakes::validity when = {})
      : identity(ca.issue(names, when)), ca_file(folder.put("ca.pem", ca.pem())),
        program({"unbound", "-d", "-c", folder.put("unbound.conf", configuration())},
                (folder.path() / "log").string()) {
    program.wait_for_port(port);
  }
  std::string configuration() const {
    return fmt::format(R"(
server:
  interface: 127.0.0.1@{0}
  https-port: {0}
  tls-service-pem: "{1}"
  tls-service-key: "{2}"
  http-endpoint: "/dns-query"
  username: ""
  chroot: ""
  directory: "{3}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  do-ip6: no
  module-config: "iterator"
  local-zone: "." static
  local-data: "direct.example. 60 IN A 192.0.2.80"
  local-data: "both.example. 60 IN A 192.0.2.46"
  local-data: "both.example. 60 IN AAAA 2001:db8::46"
  local-data: "private.example. 60 IN A 10.1.2.3"
  local-data: "localhost.example. 60 IN A 127.0.0.1"
  local-data: 'zone.example. 60 IN TXT "a text"'
  local-data: 'svc.example. 60 IN HTTPS 1 . alpn="h2,h3" port=8443'
remote-control:
  control-enable: no
)",
                       port, folder.put("cert.pem", identity.certificate), folder.put("key.pem", identity.key),
                       folder.path().string());
  }
  [[nodiscard]] std::string url(std::string_view name = "resolver.example") const {
    return fmt::format("https://{}/dns-query@127.0.0.1:{}", name, port);
  }

  fakes::scratch folder;
  fakes::test_ca ca;
  fakes::identity identity;
  std::string ca_file;
  std::uint16_t port = fakes::free_port();
  fakes::process program;
};

std::string truth(const std::string& query) { return fakes::dns_a_reply(query, 192, 0, 2, 1); }
std::string lie(const std::string& query) { return fakes::dns_a_reply(query, 127, 0, 0, 1); }

/// One look-up with a plaintext resolver that counts.
struct watched {
  addresses got = base::fail(outcome::cancelled);
  int asked = 0, connected = 0;
};
awaitable<watched> look_up(std::string name, name_kind kind, http::resolver_options options,
                           fakes::dns_server::one_fn in_plaintext) {
  const auto executor = co_await net::asio::this_coro::executor;
  fakes::dns_server plain(executor, std::move(in_plaintext));
  net::scope children(executor);
  children.spawn(plain.serve());
  options.servers = {plain.address()};
  http::resolver names(executor, options);
  watched out;
  out.got = co_await names.resolve(name, kind);
  const auto text = co_await names.ask(name, record_type::txt, kind);
  (void)text;
  children.cancel();
  co_await children.join();
  out.asked = plain.asked();
  out.connected = plain.connected();
  co_return out;
}

std::string first(const addresses& got) { return got ? got->front().to_string() : base::to_string(got.error()); }

} // namespace

TEST_CASE("a resolver in the configuration's form") {
  struct row {
    std::string text, url, address;
  };
  const row rows[] = {
      {"https://dns.example/dns-query@192.0.2.53", "https://dns.example/dns-query", "192.0.2.53"},
      {"https://dns.example/q@192.0.2.53:8443", "https://dns.example:8443/q", "192.0.2.53"},
      {"https://[2001:db8::53]/q@[2001:db8::53]", "https://[2001:db8::53]/q", "2001:db8::53"},
      {"https://192.0.2.53/q@192.0.2.53", "https://192.0.2.53/q", "192.0.2.53"},
      {"https://dns.example/q", "", ""},
      {"https://dns.example/q@name", "", ""},
      {"http://dns.example/q@192.0.2.53", "", ""},
      {"@", "", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto got = http::doh_server::parse(row.text);
    CHECK(got.has_value() == !row.url.empty());
    if (!got) continue;
    CHECK(got->url == row.url);
    CHECK(got->address.to_string() == row.address);
  }
  CHECK(http::doh_url({"https://dns.example/q", {}}, "\xff\xff") == "https://dns.example/q?dns=__8");
  CHECK(http::doh_url({"https://dns.example/q?ct", {}}, "\xff\xff") == "https://dns.example/q?ct&dns=__8");
}

TEST_CASE("records of a real resolver over HTTPS") {
  const real_resolver server;
  net::asio::io_context context;
  http::resolver_options options;
  options.doh = {server.url()};
  options.doh_ca = server.ca_file;
  http::resolver names(context.get_executor(), options);
  struct row {
    std::string name;
    std::vector<std::string> expected;
    std::optional<outcome> failed;
  };
  const row rows[] = {
      {"direct.example", {"192.0.2.80"}, {}},         {"both.example", {"2001:db8::46", "192.0.2.46"}, {}},
      {"private.example", {}, outcome::dns_poisoned}, {"localhost.example", {}, outcome::dns_poisoned},
      {"none.example", {}, outcome::unreachable},     {"zone.example", {}, outcome::unreachable},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = fakes::run_on(context, names.resolve(row.name));
    std::vector<std::string> texts;
    if (got)
      for (const auto& one : *got) texts.push_back(one.to_string());
    CHECK(texts == row.expected);
    if (got.has_error()) {
      CAPTURE(base::to_string(got.error()));
      CHECK(base::name(got.error().what) == base::name(row.failed.value_or(outcome::won)));
    }
  }
  const auto text = fakes::run_on(context, names.ask("zone.example", record_type::txt));
  REQUIRE(text.has_value());
  CHECK(text->texts == std::vector<std::string>{"a text"});
  const auto service = fakes::run_on(context, names.ask("svc.example", record_type::https));
  REQUIRE(service.has_value());
  REQUIRE(service->services.size() == 1);
  CHECK(service->services.front().alpn == std::vector<std::string>{"h2", "h3"});
  CHECK(service->services.front().port == 8443);
}

TEST_CASE("who is asked: never in plaintext for what is sensitive, whatever fails") {
  const real_resolver good;
  const real_resolver wrong_name("DNS:another.example");
  const real_resolver expired("DNS:resolver.example", {-7200, -3600});
  const auto dead = fmt::format("https://resolver.example/dns-query@127.0.0.1:{}", fakes::free_port());
  struct row {
    std::string name, asked;
    name_kind kind;
    std::vector<std::string> doh;
    const std::string& ca;
    std::string expected; ///< the first address, or the failure's class
    bool in_plaintext;
  };
  const std::string nobody;
  const row rows[] = {
      {"over HTTPS", "direct.example", name_kind::sensitive, {good.url()}, good.ca_file, "192.0.2.80", false},
      {"the first is dead",
       "direct.example",
       name_kind::sensitive,
       {dead, good.url()},
       good.ca_file,
       "192.0.2.80",
       false},
      {"the resolver is another",
       "direct.example",
       name_kind::sensitive,
       {wrong_name.url()},
       wrong_name.ca_file,
       "unreachable",
       false},
      {"an unknown authority",
       "direct.example",
       name_kind::sensitive,
       {good.url()},
       wrong_name.ca_file,
       "unreachable",
       false},
      {"dates alone are wrong",
       "direct.example",
       name_kind::sensitive,
       {expired.url()},
       expired.ca_file,
       "192.0.2.80",
       false},
      {"all are dead", "direct.example", name_kind::sensitive, {dead, dead}, good.ca_file, "unreachable", false},
      {"none is configured", "direct.example", name_kind::sensitive, {}, nobody, "local_error", false},
      {"no such name", "none.example", name_kind::sensitive, {good.url()}, good.ca_file, "unreachable", false},
      {"an onion name", "abcdefgh.onion", name_kind::sensitive, {good.url()}, good.ca_file, "unreachable", false},
      {"an onion name as a front", "abcdefgh.onion", name_kind::front, {}, nobody, "unreachable", false},
      {"localhost", "localhost", name_kind::front, {}, nobody, "", false},
      {"a front, HTTPS dead", "front.example", name_kind::front, {dead}, good.ca_file, "192.0.2.1", true},
      {"a front, none over HTTPS", "front.example", name_kind::front, {}, nobody, "192.0.2.1", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    http::resolver_options options;
    options.doh = row.doh;
    options.doh_ca = row.ca;
    const auto all = fakes::run(look_up(row.asked, row.kind, options, truth));
    CHECK((all.asked > 0) == row.in_plaintext);
    if (!row.in_plaintext) CHECK(all.connected == 0);
    if (row.expected.empty()) continue;
    CAPTURE(first(all.got));
    if (all.got)
      CHECK(first(all.got) == row.expected);
    else
      CHECK(base::name(all.got.error().what) == row.expected);
  }
}

TEST_CASE("a front that is lied about in plaintext is looked up over HTTPS") {
  const real_resolver good;
  http::resolver_options options;
  options.doh = {good.url()};
  options.doh_ca = good.ca_file;
  const auto told = fakes::run(look_up("direct.example", name_kind::front, options, lie));
  CHECK(first(told.got) == "192.0.2.80");
  options.behind_proxy = true;
  const auto refused = fakes::run(look_up("direct.example", name_kind::front, options, truth));
  REQUIRE(refused.got.has_error());
  CHECK(base::name(refused.got.error().what) == base::name(outcome::local_error));
  CHECK(refused.asked == 0);
}

TEST_CASE("resolvers over HTTPS that do wrong") {
  const auto saying = [](const std::string& body) {
    return fakes::saying(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  };
  struct row {
    std::string name;
    fakes::behaviour server;
    outcome expected;
  };
  const row rows[] = {
      {"a page", saying("<html>log in here</html>"), outcome::unreachable},
      {"nothing", saying(""), outcome::unreachable},
      {"more than a message", saying(std::string(70'000, 'x')), outcome::unreachable},
      {"not found", fakes::saying("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), outcome::unreachable},
      {"a reset", fakes::reset_after_first_flight, outcome::unreachable},
      {"silence", fakes::silent, outcome::timed_out},
  };
  const auto play = [](fakes::behaviour behave) -> awaitable<net::result<http::dns_answer>> {
    const auto executor = co_await net::asio::this_coro::executor;
    fakes::hostile_server server(executor, std::move(behave));
    net::scope children(executor);
    children.spawn(server.serve());
    http::resolver names(executor, {});
    http::client https(executor, {}, names);
    http::doh_question what;
    what.name = "direct.example";
    what.timeout = 300ms;
    what.server = {fmt::format("http://127.0.0.1:{}/dns-query", server.port()), net::asio::ip::address_v4::loopback()};
    auto got = co_await http::ask_doh(https, what);
    children.cancel();
    co_await children.join();
    co_return got;
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = fakes::run(play(row.server));
    REQUIRE(got.has_error());
    CHECK(base::name(got.error().what) == base::name(row.expected));
    CHECK(got.error().at == base::stage::resolve);
  }
}

namespace {

using fakes::tcp;

/// Passes a connection on to a resolver; counted in `open` while it lives.
awaitable<void> pass_on(tcp::socket peer, std::uint16_t port, int& open) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  const fakes::alive counted(open);
  const auto executor = co_await net::asio::this_coro::executor;
  tcp::socket server(executor);
  const auto [ec] = co_await server.async_connect({net::asio::ip::address_v4::loopback(), port}, net::as_result);
  if (ec) co_return;
  (void)co_await net::relay(peer, server);
}

/// A machine whose only resolver over HTTPS is reached through `server`, which counts.
struct asker {
  asker(const net::asio::any_io_executor& on, fakes::behaviour behave, const std::string& ca,
        std::chrono::milliseconds timeout = 8s)
      : executor(on), server(on, std::move(behave)), names(on, options(ca, timeout)) {}
  http::resolver_options options(const std::string& ca, std::chrono::milliseconds timeout) const {
    http::resolver_options out;
    out.doh = {fmt::format("https://resolver.example/dns-query@127.0.0.1:{}", server.port())};
    out.doh_ca = ca;
    out.timeout = timeout;
    return out;
  }
  /// So many look-ups at once: how many found an address. `close`: the connections, in the middle.
  awaitable<int> at_once(int count, bool close = false) {
    net::scope children(executor);
    std::vector<std::optional<addresses>> got(static_cast<std::size_t>(count));
    for (auto& one : got) children.spawn(net::detail::keep(names.resolve("both.example"), one));
    if (close) names.close_connections();
    co_await children.join();
    co_return static_cast<int>(std::ranges::count_if(got, [](const auto& one) { return one && one->has_value(); }));
  }

  net::asio::any_io_executor executor;
  fakes::hostile_server server;
  http::resolver names;
};

struct counts {
  std::vector<int> found, accepted; ///< after each step
  int open_before = -1, open_after = -1;
};

awaitable<counts> share(std::uint16_t port, std::string ca) {
  const auto executor = co_await net::asio::this_coro::executor;
  int open = 0;
  fakes::behaviour relayed = [port, &open](tcp::socket peer) { return pass_on(std::move(peer), port, open); };
  asker one(executor, std::move(relayed), ca);
  net::scope serving(executor);
  serving.spawn(one.server.serve());
  counts out;
  for (const int count : {3, 1, 2}) {
    out.found.push_back(co_await one.at_once(count));
    out.accepted.push_back(one.server.accepted());
  }
  out.open_before = open;
  one.names.close_connections();
  while (open > 0) (void)co_await net::sleep_for(1ms);
  out.open_after = open;
  out.found.push_back(co_await one.at_once(2, true));
  out.accepted.push_back(one.server.accepted());
  while (open > 0) (void)co_await net::sleep_for(1ms); // it closes with the last of them
  serving.cancel();
  co_await serving.join();
  co_return out;
}

awaitable<counts> fail_together(fakes::behaviour behave) {
  const auto executor = co_await net::asio::this_coro::executor;
  asker one(executor, std::move(behave), {}, 600ms);
  net::scope serving(executor);
  serving.spawn(one.server.serve());
  counts out;
  for (const bool anew : {false, false, true}) {
    if (anew) one.names.close_connections();
    out.found.push_back(co_await one.at_once(2));
    out.accepted.push_back(one.server.accepted());
  }
  serving.cancel();
  co_await serving.join();
  co_return out;
}

} // namespace

TEST_CASE("look-ups share one connection to a resolver, which closes when told to, or with the last that uses it") {
  const real_resolver server;
  const auto got = fakes::run(share(server.port, server.ca_file));
  CHECK(got.found == std::vector<int>{3, 1, 2, 2});
  CHECK(got.accepted == std::vector<int>{1, 1, 1, 2});
  CHECK(got.open_before == 1);
  CHECK(got.open_after == 0);
}

TEST_CASE("a resolver that failed is left alone, by those too that wait for it, until the connections are closed") {
  struct row {
    const char* name;
    fakes::behaviour server;
  };
  const row rows[] = {{"a reset", fakes::reset_after_first_flight},
                      {"silence", fakes::silent},
                      {"not TLS", fakes::saying("HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n")}};
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = fakes::run(fail_together(row.server));
    CHECK(got.found == std::vector<int>{0, 0, 0});
    CHECK(got.accepted == std::vector<int>{1, 1, 2});
  }
}
