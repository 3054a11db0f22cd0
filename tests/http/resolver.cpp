// Plaintext look-ups: names of fronts, against dnsmasq and against name servers that lie.
#include "http/resolver.hpp"

#include "http/dns_plain.hpp"
#include "net/deadline.hpp"
#include "tests/fakes/dns_server.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using http::name_kind;
using net::asio::awaitable;
using addresses = net::result<std::vector<net::asio::ip::address>>;

namespace {

http::resolver_options by(std::vector<std::string> servers, std::chrono::milliseconds timeout = 4s) {
  http::resolver_options out;
  out.servers = std::move(servers);
  out.timeout = timeout;
  return out;
}

addresses look_up(const std::string& name, http::resolver_options options) {
  net::asio::io_context context;
  http::resolver names(context.get_executor(), std::move(options));
  return fakes::run_on(context, names.resolve(name, name_kind::front));
}

std::vector<std::string> texts(const addresses& got) {
  std::vector<std::string> out;
  if (got)
    for (const auto& address : *got) out.push_back(address.to_string());
  return out;
}

struct answering {
  fakes::dns_server::many_fn udp;
  fakes::dns_server::one_fn tcp = {};
};
answering with(fakes::dns_server::one_fn answer) {
  return {[answer = std::move(answer)](const std::string& query) {
    auto bytes = answer(query);
    return bytes.empty() ? std::vector<fakes::dns_datagram>{} : std::vector{fakes::dns_datagram{std::move(bytes)}};
  }};
}

struct asked_of_fakes {
  addresses got = base::fail(outcome::cancelled);
  std::vector<int> asked, connected; ///< of each server
};

awaitable<asked_of_fakes> ask_fakes(std::vector<answering> answers, std::chrono::milliseconds timeout, bool cancel) {
  const auto executor = co_await net::asio::this_coro::executor;
  std::vector<std::unique_ptr<fakes::dns_server>> servers;
  http::resolver_options options = by({}, timeout);
  net::scope children(executor), asking(executor);
  for (auto& one : answers) {
    servers.push_back(std::make_unique<fakes::dns_server>(executor, std::move(one.udp), std::move(one.tcp)));
    options.servers.push_back(servers.back()->address());
    children.spawn(servers.back()->serve());
  }
  http::resolver names(executor, std::move(options));
  std::optional<addresses> out;
  asking.spawn(net::detail::keep(names.resolve("name.example", name_kind::front), out));
  if (cancel) {
    while (servers.front()->asked() == 0) (void)co_await net::sleep_for(1ms);
    asking.cancel();
  }
  co_await asking.join();
  children.cancel();
  co_await children.join();
  asked_of_fakes all{std::move(*out), {}, {}};
  for (const auto& one : servers) {
    all.asked.push_back(one->asked());
    all.connected.push_back(one->connected());
  }
  co_return all;
}

std::string silence(const std::string&) { return {}; }
std::string garbage(const std::string&) { return "\xff\xff\xff\xff"; }
std::string servfail(const std::string& query) { return fakes::dns_reply(query, 0x8182, 0); }
std::string counts_that_lie(const std::string& query) { return fakes::dns_reply(query, 0x8180, 9); }
std::string no_such_name(const std::string& query) { return fakes::dns_reply(query, 0x8183, 0); }
std::string truth(const std::string& query) { return fakes::dns_a_reply(query, 192, 0, 2, 1); }
std::string lie(const std::string& query) { return fakes::dns_a_reply(query, 198, 51, 100, 66); }
std::string loopback(const std::string& query) { return fakes::dns_a_reply(query, 127, 0, 0, 1); }
std::string no_room(const std::string& query) { return fakes::dns_reply(query, 0x8380, 0); }
/// A record whose name is a compression pointer to itself.
std::string pointer_loop(const std::string& query) {
  auto out = fakes::dns_reply(query, 0x8180, 1);
  const auto at = out.size();
  out += fakes::dns_a_record(192, 0, 2, 1);
  out[at] = static_cast<char>(0xc0 | (at >> 8));
  out[at + 1] = static_cast<char>(at & 0xff);
  return out;
}
/// The name is an alias of itself.
std::string alias_loop(const std::string& query) {
  return fakes::dns_reply(query, 0x8180, 1) + std::string("\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x0c", 14);
}
/// It is an alias of b.example, which is one of it.
std::string alias_ring(const std::string& query) {
  return fakes::dns_reply(query, 0x8180, 2) + std::string("\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1b\xc0\x11", 16) +
         std::string("\1b\xc0\x11\0\5\0\1\0\0\0\x3c\0\2\xc0\x0c", 16);
}
std::string other_id(const std::string& query) {
  auto out = truth(query);
  out[0] = static_cast<char>(out[0] + 1);
  return out;
}
/// As many as an answer over UDP has room for.
std::string many_addresses(const std::string& query) {
  if (fakes::dns_type(query) != 1) return fakes::dns_reply(query, 0x8180, 0);
  auto out = fakes::dns_reply(query, 0x8180, 28);
  for (std::uint8_t i = 0; i < 28; ++i) out += fakes::dns_a_record(192, 0, 2, i);
  return out;
}
/// As the GFW does it: forged answers at once, the true one when the resolver has it.
std::vector<fakes::dns_datagram> injected(const std::string& query) {
  return {{lie(query), 2ms}, {lie(query), 5ms}, {truth(query), 60ms}};
}
std::vector<fakes::dns_datagram> denied_first(const std::string& query) {
  return {{no_such_name(query), 0ms}, {truth(query), 20ms}};
}
std::vector<fakes::dns_datagram> flood(const std::string& query) {
  return std::vector<fakes::dns_datagram>(1000, {lie(query), 0ms});
}

} // namespace

TEST_CASE("a literal and a name of /etc/hosts need no query") {
  const auto nowhere = by({"127.0.0.1:" + std::to_string(fakes::free_port(SOCK_DGRAM))}, 200ms);
  CHECK(texts(look_up("192.0.2.7", nowhere)) == std::vector<std::string>{"192.0.2.7"});
  CHECK(texts(look_up("2001:db8::7", nowhere)) == std::vector<std::string>{"2001:db8::7"});
  for (const std::string name : {"localhost", "LOCALHOST.", "below.localhost"}) {
    CAPTURE(name);
    const auto local = texts(look_up(name, nowhere));
    CHECK(std::find(local.begin(), local.end(), "127.0.0.1") != local.end());
  }
}

TEST_CASE("names of a real name server") {
  const auto port = fakes::free_port();
  const fakes::scratch folder;
  const auto log = (folder.path() / "log").string();
  fakes::process server(
      {"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
       "--pid-file=", "--user=", "--group=", "--port=" + std::to_string(port), "--listen-address=127.0.0.1",
       "--bind-interfaces", "--no-resolv", "--no-hosts", "--local=/example/", "--host-record=four.example,192.0.2.4",
       "--host-record=both.example,192.0.2.46,2001:db8::46", "--host-record=local.example,192.168.1.1",
       "--cname=alias.example,four.example", "--txt-record=text.example,no address"},
      log);
  server.wait_for_port(port);
  const auto options = by({"127.0.0.1:" + std::to_string(port)});
  struct row {
    std::string name;
    std::vector<std::string> expected;
    std::optional<outcome> failed;
  };
  const row rows[] = {
      {"four.example", {"192.0.2.4"}, {}},
      {"FOUR.Example", {"192.0.2.4"}, {}},
      {"four.example.", {"192.0.2.4"}, {}},
      {"alias.example", {"192.0.2.4"}, {}},
      {"both.example", {"2001:db8::46", "192.0.2.46"}, {}},
      {"local.example", {}, outcome::dns_poisoned},
      {"none.example", {}, outcome::unreachable},
      {"text.example", {}, outcome::unreachable},
      {"aaaaaaaaaaaaaaaa.onion", {}, outcome::unreachable},
      {"", {}, outcome::malformed},
      {"two words.example", {}, outcome::malformed},
      {"a\nb.example", {}, outcome::malformed},
      {std::string(254, 'a'), {}, outcome::malformed},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = look_up(row.name, options);
    CHECK(texts(got) == row.expected);
    CHECK(got.has_error() == row.failed.has_value());
    if (got.has_error()) {
      CHECK(base::name(got.error().what) == base::name(row.failed.value_or(outcome::won)));
      CHECK(got.error().at == base::stage::resolve);
    }
  }
  auto lab = options;
  lab.lab = true;
  CHECK(texts(look_up("local.example", lab)) == std::vector<std::string>{"192.168.1.1"});
  net::asio::io_context context;
  http::resolver names(context.get_executor(), options);
  const auto text = fakes::run_on(context, names.ask("text.example", http::record_type::txt, name_kind::front));
  REQUIRE(text.has_value());
  CHECK(text->texts == std::vector<std::string>{"no address"});
}

TEST_CASE("name servers that lie") {
  struct row {
    std::string name;
    std::vector<answering> servers;
    std::optional<outcome> failed;
    std::vector<std::string> expected = {};
  };
  const row rows[] = {
      {"silence", {with(silence)}, outcome::timed_out},
      {"garbage", {with(garbage)}, outcome::timed_out},
      {"an answer to another question", {with(other_id)}, outcome::timed_out},
      {"a server that fails", {with(servfail)}, outcome::unreachable},
      {"counts that lie", {with(counts_that_lie)}, outcome::unreachable},
      {"a name that points to itself", {with(pointer_loop)}, outcome::unreachable},
      {"a name that is its own alias", {with(alias_loop)}, outcome::unreachable},
      {"two names that are each other's alias", {with(alias_ring)}, outcome::unreachable},
      {"no such name", {with(no_such_name)}, outcome::unreachable},
      {"cut short, and no TCP", {with(no_room)}, outcome::unreachable},
      {"cut short, then TCP", {{with(no_room).udp, truth}}, {}, {"192.0.2.1"}},
      {"a loopback address", {with(loopback)}, outcome::dns_poisoned},
      {"forged answers race the true one", {{injected}}, outcome::dns_poisoned},
      {"forged, confirmed by another resolver", {{injected}, with(truth)}, {}, {"192.0.2.1"}},
      {"a forged denial", {{denied_first}}, outcome::dns_poisoned},
      {"a resolver that denies, another that does not", {with(no_such_name), with(truth)}, {}, {"192.0.2.1"}},
      {"a flood", {{flood}}, outcome::dns_poisoned},
      {"all forged", {{injected}, {injected}}, outcome::dns_poisoned},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto all = fakes::run(ask_fakes(row.servers, 2s, false));
    CHECK(texts(all.got) == row.expected);
    CHECK(all.got.has_error() == row.failed.has_value());
    if (!all.got.has_error()) continue;
    CAPTURE(base::to_string(all.got.error()));
    CHECK(base::name(all.got.error().what) == base::name(row.failed.value_or(outcome::won)));
    if (all.got.error().what != outcome::dns_poisoned) continue;
    REQUIRE(all.got.error().where.has_value());
    CHECK(all.got.error().where->address == "127.0.0.1");
  }
  const auto many = fakes::run(ask_fakes({with(many_addresses)}, 4s, false));
  if (many.got.has_error()) FAIL(base::to_string(many.got.error()));
  CHECK(many.got->size() == 16);
}

TEST_CASE("a cancelled look-up ends at once, and asks no more") {
  const auto before = std::chrono::steady_clock::now();
  const auto all = fakes::run(ask_fakes({with(silence), with(silence)}, 1h, true));
  REQUIRE(all.got.has_error());
  CHECK(all.got.error().what == outcome::cancelled);
  CHECK(std::chrono::steady_clock::now() - before < 5s);
  CHECK(all.asked[0] <= 2); // A and AAAA, each once
  CHECK(all.asked[1] == 0);
}

TEST_CASE("a query whose socket options are refused is not sent") {
  net::asio::io_context context;
  fakes::dns_server server(context.get_executor(), silence);
  auto options = by({server.address()}, 2s);
  options.socket.interface = "landfall-none";
  http::resolver names(context.get_executor(), options);
  const auto got = fakes::run_on(context, names.resolve("name.example", name_kind::front));
  REQUIRE(got.has_error());
  CHECK(base::name(got.error().what) == base::name(outcome::local_error));
  CHECK(server.asked() == 0);
}

TEST_CASE("how far away a resolver is is learnt from a connection, taken or refused") {
  const auto play = [](bool takes) -> awaitable<net::result<http::plain_evidence>> {
    const auto executor = co_await net::asio::this_coro::executor;
    fakes::dns_server server(executor, truth);
    if (!takes) server.close_tcp();
    net::scope children(executor);
    children.spawn(server.serve());
    http::plain_question what{
        "name.example", {http::record_type::aaaa, http::record_type::a}, server.address(), {}, 4s};
    auto heard = co_await http::ask_plain(executor, what);
    children.cancel();
    co_await children.join();
    co_return heard;
  };
  for (const bool takes : {true, false}) {
    CAPTURE(takes);
    const auto got = fakes::run(play(takes));
    REQUIRE(got.has_value());
    CHECK(got->answers.size() == 2);
    REQUIRE(got->round_trip.has_value());
    CHECK(*got->round_trip < 1s);
  }
}
