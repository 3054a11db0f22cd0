// The relays on loopback: what a client and a server see of each scenario. Real sockets, no time but what is waited
// for.
#include "tests/censor/relay.hpp"

#include "net/deadline.hpp"
#include "net/socket.hpp"
#include "tests/censor/unit/bytes.hpp"
#include "tests/fakes/dns_server.hpp"
#include "tests/fakes/run.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

using namespace landfall;
using namespace landfall::censor;
using namespace std::chrono_literals;
using censor::testing::at;
using net::as_result;
using net::awaitable;
using net::error_code;
using tcp = net::asio::ip::tcp;
using udp = net::asio::ip::udp;

namespace {

constexpr std::size_t large = 60000;

/// A server that answers the first bytes of each connection with `large` bytes.
struct server {
  tcp::acceptor acceptor;
  net::scope connections;
  error_code last{};                 ///< how the last connection ended for it
  net::asio::steady_timer has_ended; ///< cancelled when it has
  explicit server(const net::asio::any_io_executor& executor)
      : acceptor(executor, {net::asio::ip::address_v4::loopback(), 0}), connections(executor),
        has_ended(executor, base::steady_time::max()) {}

  awaitable<void> answer(tcp::socket client) {
    std::array<char, 4096> buffer{};
    const auto [read, size] = co_await client.async_read_some(net::asio::buffer(buffer), as_result);
    const std::string body(large, 'x');
    last = read;
    if (!read) {
      (void)co_await net::asio::async_write(client, net::asio::buffer(body), as_result);
      const auto [ended, more] = co_await client.async_read_some(net::asio::buffer(buffer), as_result);
      last = ended;
    }
    has_ended.expires_at(base::steady_time());
  }
  awaitable<void> serve() {
    for (;;) {
      auto [ec, client] = co_await acceptor.async_accept(as_result);
      if (ec) break;
      connections.spawn(answer(std::move(client)));
    }
    connections.cancel();
    co_await connections.join();
  }
};

struct seen {
  error_code connect, end; ///< end: success while silent after `patience`
  std::size_t received = 0;
};

awaitable<net::result<std::size_t>> read_all(tcp::socket& from, seen& out) {
  std::array<char, 4096> buffer{};
  while (!out.end && out.received < large) {
    const auto [ec, size] = co_await from.async_read_some(net::asio::buffer(buffer), as_result);
    out.end = ec;
    out.received += size;
  }
  co_return out.received;
}

/// A client that says `first` and reads what comes until silence or an end.
awaitable<seen> visit(std::uint16_t port, std::string first, std::chrono::milliseconds patience) {
  seen out;
  const auto executor = co_await net::asio::this_coro::executor;
  tcp::socket socket(executor);
  const tcp::endpoint there(net::asio::ip::address_v4::loopback(), port);
  out.connect = std::get<0>(co_await socket.async_connect(there, as_result));
  if (out.connect) co_return out;
  (void)co_await net::asio::async_write(socket, net::asio::buffer(first), as_result);
  auto reading = read_all(socket, out);
  const auto read = co_await net::with_deadline(std::move(reading), patience, base::stage::body);
  if (!read) out.end = {};
  co_return out;
}

struct lab {
  net::asio::any_io_executor executor;
  server origin;
  std::unique_ptr<relay_censor> censor;
  std::vector<event> events;
  net::scope running;

  lab(const net::asio::any_io_executor& on, relay_options options) : executor(on), origin(on), running(on) {
    options.on_event = [this](const event& one) { events.push_back(one); };
    censor = relay_censor::make(on, std::move(options)).value();
    running.spawn(censor->run());
    running.spawn(origin.serve());
  }
  std::uint16_t place(std::string_view stands_for = "203.0.113.10") {
    return censor
        ->listen({.name = "origin", .stands_for = at(stands_for, 443), .upstream = origin.acceptor.local_endpoint()})
        .value();
  }
  std::uint64_t count(std::string_view rule, std::string_view what) const {
    return censor->counters().at("rules").at(rule).at(what).to_number<std::uint64_t>();
  }
  awaitable<void> end() {
    running.cancel();
    co_await running.join();
  }
};

/// What obfs4 looks like.
std::string encrypted() {
  std::mt19937_64 source(5);
  std::string out(1, '\x01');
  while (out.size() < 400) out += static_cast<char>(source() & 0xff);
  return out;
}

std::string hello_for(std::string sni) { return build_hello({.sni = std::move(sni)}); }

struct visited {
  seen by_client;
  error_code by_server;
  std::uint64_t triggered = 0;
  std::vector<event> events;
};

awaitable<visited> one_visit(relay_options options, std::string first, std::string rule,
                             std::chrono::milliseconds patience) {
  const auto executor = co_await net::asio::this_coro::executor;
  lab l(executor, std::move(options));
  const auto port = l.place();
  visited out;
  out.by_client = co_await visit(port, std::move(first), patience);
  if (out.by_client.end) (void)co_await l.origin.has_ended.async_wait(as_result);
  co_await l.end();
  out.by_server = l.origin.last;
  if (!rule.empty()) out.triggered = l.count(rule, "triggered");
  out.events = l.events;
  co_return out;
}

} // namespace

TEST_CASE("streams: what a client sees of each scenario") {
  const auto ja4 = read_hello(hello_for("x.example"), true).hello.ja4;
  struct row {
    const char *name, *profile, *sni, *rule;
    bool reset;
    std::size_t least, most;
  };
  const row rows[] = {{"nobody interferes", "none", "blocked.example", "", false, large, large},
                      {"S02 hits", "S02", "blocked.example", "sni-reset", true, 0, 0},
                      {"S02 lets others pass", "S02", "fine.example", "", false, large, large},
                      {"S14 falls silent", "S14", "x.example", "curtain", false, 15000, 20000},
                      {"S14 spares its list", "S14", "allowed.example", "", false, large, large},
                      {"S21 falls silent while it is probed", "S21", "", "probe", false, 0, 0},
                      {"S16 falls silent at once", "S16", "x.example", "fingerprint", false, 0, 0}};
  for (const auto& row : rows) {
    INFO(std::string(row.name));
    const relay_options options{.profile = row.profile, .defined = {{"fingerprints", {ja4}}}, .seed = 4};
    const bool silent = row.most < large && !row.reset;
    const auto got = fakes::run(
        one_visit(options, *row.sni == '\0' ? encrypted() : hello_for(row.sni), row.rule, silent ? 200ms : 20000ms));
    CHECK_FALSE(got.by_client.connect);
    CHECK((got.by_client.end == net::asio::error::connection_reset) == row.reset);
    CHECK(got.by_client.received >= row.least);
    CHECK(got.by_client.received <= row.most);
    if (*row.rule != '\0') {
      CHECK(got.triggered == 1);
      CHECK(std::ranges::find(got.events, row.rule, &event::rule) != got.events.end());
    } else {
      CHECK(got.events.empty());
    }
    if (row.reset) CHECK(got.by_server == net::asio::error::connection_reset);
  }
}

namespace {
// Options are made in plain functions: g++ 12 cannot have initializer lists in a coroutine.
relay_options fingerprint_options() {
  return {.profile = "S16", .defined = {{"fingerprints", {read_hello(hello_for("x"), true).hello.ja4}}}};
}
relay_options shipped_options() { return {.profile = "S26", .defined = {{"shipped", {"203.0.113.10"}}}}; }
std::string other_hello() { return build_hello({.sni = "x", .ciphers = {0x1301}}); }

awaitable<std::pair<error_code, seen>> residual() {
  const auto executor = co_await net::asio::this_coro::executor;
  lab l(executor, fingerprint_options());
  const auto port = l.place(), other = l.place("203.0.113.11");
  (void)co_await visit(port, hello_for("x"), 50ms);
  const auto again = co_await visit(port, other_hello(), 50ms);
  CHECK(again.received == 0); // another fingerprint, but the minute is not over
  auto elsewhere = co_await visit(other, other_hello(), 20s);
  co_await l.end();
  co_return std::pair(again.end, elsewhere);
}

awaitable<net::result<tcp::socket>> dial(std::uint16_t port) {
  return net::dial({net::asio::ip::address_v4::loopback(), port}, net::socket_options());
}

awaitable<net::result<tcp::socket>> dial_a_blackhole() {
  const auto executor = co_await net::asio::this_coro::executor;
  lab l(executor, shipped_options());
  const auto port = l.place();
  auto dialling = dial(port);
  auto out = co_await net::with_deadline(std::move(dialling), 300ms, base::stage::connect);
  co_await l.end();
  co_return out;
}
} // namespace

TEST_CASE("streams: a residual state concerns the pair, not the neighbour") {
  const auto [end, elsewhere] = fakes::run(residual());
  CHECK_FALSE(end);
  CHECK(elsewhere.received == large);
}

TEST_CASE("streams: a dropped SYN is not answered") {
  const auto got = fakes::run(dial_a_blackhole());
  REQUIRE(got.has_error());
  CHECK(got.error().what == base::outcome::timed_out);
}

namespace {
struct told {
  std::vector<std::string> answers;
  std::uint64_t forged = 0;
};

awaitable<net::result<int>> collect(udp::socket& from, told& out, std::size_t wanted) {
  while (out.answers.size() < wanted) {
    std::string message(512, '\0');
    const auto [ec, size] = co_await from.async_receive(net::asio::buffer(message), as_result);
    if (ec) co_return net::failure_of(ec, base::stage::resolve);
    const auto addresses = read_dns_answers(message.substr(0, size));
    out.answers.push_back(addresses.empty() ? "" : addresses[0].text());
  }
  co_return 0;
}

std::string true_answer(const std::string& query) {
  const auto asked = read_dns_query(query);
  return asked ? forge_answer(query, *asked, {address::parse("198.51.100.1").value()}) : "";
}

awaitable<told> ask(std::string name) {
  const auto executor = co_await net::asio::this_coro::executor;
  relay_options options;
  options.profile = "S05";
  lab l(executor, std::move(options));
  fakes::dns_server resolver(executor, true_answer);
  l.running.spawn(resolver.serve());
  const auto address = resolver.address();
  const auto upstream = static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
  relay_place place{"resolver", place_kind::dns, at("10.9.0.53", 53)};
  place.upstream = tcp::endpoint(net::asio::ip::address_v4::loopback(), upstream);
  const auto port = l.censor->listen(place).value();
  udp::socket socket(executor, udp::v4());
  socket.connect(udp::endpoint(net::asio::ip::address_v4::loopback(), port));
  const auto query = build_dns_query(7, name);
  (void)co_await socket.async_send(net::asio::buffer(query), as_result);
  told out;
  auto collecting = collect(socket, out, 4);
  (void)co_await net::with_deadline(std::move(collecting), 300ms, base::stage::resolve);
  out.forged = l.count("dns-injection", "answers");
  co_await l.end();
  co_return out;
}
} // namespace

TEST_CASE("DNS: forged answers first, the true one last; other names have the true one alone") {
  const auto poisoned = fakes::run(ask("blocked.example"));
  REQUIRE(poisoned.answers.size() == poisoned.forged + 1);
  CHECK(poisoned.forged >= 2);
  CHECK(poisoned.answers.back() == "198.51.100.1");
  CHECK(poisoned.answers.front().starts_with("10.66.66."));
  const auto clean = fakes::run(ask("fine.example"));
  CHECK(clean.answers == std::vector<std::string>{"198.51.100.1"});
}

TEST_CASE("a profile that there is not is an error") {
  net::asio::io_context context;
  const auto made = relay_censor::make(context.get_executor(), {.profile = "mars"});
  REQUIRE(made.has_error());
  CHECK(made.error().detail == "there is no rule file 'mars'");
}
