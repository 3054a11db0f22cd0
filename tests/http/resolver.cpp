#include "http/resolver.hpp"

#include "net/deadline.hpp"
#include "tests/fakes/dns_server.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using net::asio::awaitable;
using addresses = net::result<std::vector<net::asio::ip::address>>;

namespace {

addresses look_up(const std::string& name, http::resolver_options options) {
  net::asio::io_context context;
  http::resolver names(context.get_executor(), std::move(options));
  return fakes::run_on(context, names.resolve(name));
}

std::vector<std::string> texts(const addresses& got) {
  std::vector<std::string> out;
  if (got)
    for (const auto& address : *got) out.push_back(address.to_string());
  return out;
}

using answer_fn = std::function<std::string(const std::string&)>;

awaitable<addresses> ask_fake(answer_fn answer, std::chrono::milliseconds timeout, bool cancel, int* asked) {
  const auto executor = co_await net::asio::this_coro::executor;
  fakes::dns_server server(executor, std::move(answer));
  net::scope children(executor), asking(executor);
  children.spawn(server.serve());
  http::resolver names(executor, {{server.address()}, {}, timeout});
  std::optional<addresses> out;
  asking.spawn(net::detail::keep(names.resolve("name.example"), out));
  if (cancel) {
    while (server.asked() == 0) (void)co_await net::sleep_for(1ms);
    asking.cancel();
  }
  co_await asking.join();
  children.cancel();
  co_await children.join();
  if (asked) *asked = server.asked();
  co_return std::move(*out);
}

std::string silence(const std::string&) { return {}; }
std::string garbage(const std::string&) { return "\xff\xff\xff\xff"; }
std::string servfail(const std::string& query) { return fakes::dns_reply(query, 0x8182, 0); }
std::string counts_that_lie(const std::string& query) { return fakes::dns_reply(query, 0x8180, 9); }
/// A record whose name is a compression pointer to itself.
std::string pointer_loop(const std::string& query) {
  auto out = fakes::dns_reply(query, 0x8180, 1);
  const auto at = out.size();
  out += fakes::dns_a_record(192, 0, 2, 1);
  out[at] = static_cast<char>(0xc0 | (at >> 8));
  out[at + 1] = static_cast<char>(at & 0xff);
  return out;
}
std::string other_id(const std::string& query) {
  auto out = fakes::dns_reply(query, 0x8180, 1) + fakes::dns_a_record(192, 0, 2, 1);
  out[0] = static_cast<char>(out[0] + 1);
  return out;
}
/// As many as an answer over UDP has room for.
std::string many_addresses(const std::string& query) {
  auto out = fakes::dns_reply(query, 0x8180, 28);
  for (std::uint8_t i = 0; i < 28; ++i) out += fakes::dns_a_record(192, 0, 2, i);
  return out;
}

} // namespace

TEST_CASE("a literal and a name of /etc/hosts need no query") {
  const http::resolver_options nowhere{{"127.0.0.1:" + std::to_string(fakes::free_port(SOCK_DGRAM))}, {}, 200ms};
  CHECK(texts(look_up("192.0.2.7", nowhere)) == std::vector<std::string>{"192.0.2.7"});
  CHECK(texts(look_up("2001:db8::7", nowhere)) == std::vector<std::string>{"2001:db8::7"});
  const auto local = texts(look_up("localhost", nowhere));
  CHECK(std::find(local.begin(), local.end(), "127.0.0.1") != local.end());
}

TEST_CASE("names of a real name server") {
  const auto port = fakes::free_port();
  const fakes::scratch folder;
  const auto log = (folder.path() / "log").string();
  fakes::process server({"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=",
                         "--group=", "--port=" + std::to_string(port), "--listen-address=127.0.0.1",
                         "--bind-interfaces", "--no-resolv", "--no-hosts", "--local=/example/",
                         "--host-record=four.example,192.0.2.4", "--host-record=both.example,192.0.2.46,2001:db8::46",
                         "--cname=alias.example,four.example", "--txt-record=text.example,no address"},
                        log);
  server.wait_for_port(port);
  http::resolver_options options{{"127.0.0.1:" + std::to_string(port)}, {}, 4s};
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
}

TEST_CASE("hostile answers") {
  struct row {
    std::string name;
    answer_fn answer;
    outcome expected;
  };
  const row rows[] = {
      {"silence", silence, outcome::timed_out},
      {"garbage", garbage, outcome::timed_out},
      {"an answer to another question", other_id, outcome::timed_out},
      {"a server that fails", servfail, outcome::unreachable},
      {"counts that lie", counts_that_lie, outcome::unreachable},
      {"a name that points to itself", pointer_loop, outcome::unreachable},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = fakes::run(ask_fake(row.answer, 400ms, false, nullptr));
    REQUIRE(got.has_error());
    CAPTURE(base::to_string(got.error()));
    CHECK(base::name(got.error().what) == base::name(row.expected));
  }
  const auto many = fakes::run(ask_fake(many_addresses, 2s, false, nullptr));
  if (many.has_error()) FAIL(base::to_string(many.error()));
  CHECK(many->size() == 16);
}

TEST_CASE("a cancelled look-up ends at once, and asks no more") {
  int asked = 0;
  const auto before = std::chrono::steady_clock::now();
  const auto got = fakes::run(ask_fake(silence, 1h, true, &asked));
  REQUIRE(got.has_error());
  CHECK(got.error().what == outcome::cancelled);
  CHECK(std::chrono::steady_clock::now() - before < 5s);
  CHECK(asked <= 2); // A and AAAA, each once
}

TEST_CASE("a query whose socket options are refused is not sent") {
  int asked = 0;
  net::asio::io_context context;
  fakes::dns_server server(context.get_executor(), silence);
  http::resolver names(context.get_executor(), {{server.address()}, {.interface = "landfall-none"}, 2s});
  const auto got = fakes::run_on(context, names.resolve("name.example"));
  REQUIRE(got.has_error());
  CHECK(base::name(got.error().what) == base::name(outcome::local_error));
  CHECK(server.asked() == asked);
}
