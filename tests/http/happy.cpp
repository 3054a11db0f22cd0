#include "http/happy.hpp"

#include "net/deadline.hpp"
#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/run.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using base::stage;
using net::asio::awaitable;
using addresses = std::vector<net::asio::ip::address>;

namespace {

addresses list(const std::vector<std::string>& texts) {
  addresses out;
  for (const auto& text : texts) out.push_back(net::asio::ip::make_address(text));
  return out;
}

/// What happens at one address: connected after, then over after (both from its start); negative: never.
struct fate {
  std::chrono::milliseconds connected, over;
  std::optional<outcome> failed;
};
constexpr auto never = std::chrono::milliseconds(-1);

struct network {
  std::map<std::string, fate> fates;
  std::vector<std::string> tried;
  std::vector<std::chrono::milliseconds> allowed; ///< to connect
  int running = 0;

  awaitable<net::result<http::response>> get(http::request what) {
    const fakes::alive here(running);
    const auto address = what.addresses.front().to_string();
    tried.push_back(address);
    allowed.push_back(what.connect);
    const auto will = fates.at(address);
    auto at = stage::connect;
    if (will.connected >= 0ms) {
      auto waited = co_await net::sleep_for(will.connected);
      if (!waited) co_return waited.error();
      at = stage::tls;
      what.progress(stage::connect);
    }
    auto waited = co_await net::sleep_for(will.over < 0ms ? 1h : will.over);
    if (!waited) co_return waited.error();
    if (will.failed) co_return base::fail(*will.failed, address, at);
    http::response out;
    out.status = 200;
    out.body = address;
    co_return out;
  }
};

} // namespace

TEST_CASE("addresses in the order to try") {
  struct row {
    std::string name;
    std::vector<std::string> found, expected;
  };
  const row rows[] = {
      {"nothing", {}, {}},
      {"one family", {"192.0.2.2", "192.0.2.1"}, {"192.0.2.2", "192.0.2.1"}},
      {"in turn, IPv6 first", {"192.0.2.1", "192.0.2.2", "2001:db8::1"}, {"2001:db8::1", "192.0.2.1", "192.0.2.2"}},
      {"each once", {"192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::1"}, {"2001:db8::1", "192.0.2.1"}},
      {"what leads nowhere last",
       {"fd00::1", "2002:c000:201::1", "2001::1", "2001:db8::1", "192.0.2.1"},
       {"2001:db8::1", "192.0.2.1", "fd00::1", "2002:c000:201::1", "2001::1"}},
      {"more of one",
       {"2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1"},
       {"2001:db8::1", "192.0.2.1", "2001:db8::2", "2001:db8::3"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(http::order_addresses(list(row.found)) == list(row.expected));
  }
}

TEST_CASE("the next address is tried when one is silent or fails, and one that connected is the last word") {
  struct row {
    std::string name;
    std::vector<std::pair<std::string, fate>> fates;
    std::vector<std::string> tried;
    std::optional<outcome> failed;
    std::string won = {};
  };
  const fate good{1ms, 1ms, {}}, dead{never, never, {}}, refused{never, 0ms, outcome::refused};
  const fate slow{1ms, 400ms, {}}, cut{1ms, 1ms, outcome::reset_after_hello}, late{300ms, 1ms, {}};
  const row rows[] = {
      {"the first is good", {{"192.0.2.1", good}, {"192.0.2.2", good}}, {"192.0.2.1"}, {}, "192.0.2.1"},
      {"one dead", {{"192.0.2.1", dead}, {"192.0.2.2", good}}, {"192.0.2.1", "192.0.2.2"}, {}, "192.0.2.2"},
      {"three dead",
       {{"192.0.2.1", dead}, {"192.0.2.2", dead}, {"192.0.2.3", dead}, {"192.0.2.4", good}},
       {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"},
       {},
       "192.0.2.4"},
      {"one refuses", {{"192.0.2.1", refused}, {"192.0.2.2", good}}, {"192.0.2.1", "192.0.2.2"}, {}, "192.0.2.2"},
      {"connected but slow is waited for", {{"192.0.2.1", slow}, {"192.0.2.2", good}}, {"192.0.2.1"}, {}, "192.0.2.1"},
      {"a late one wins over a dead one",
       {{"192.0.2.1", late}, {"192.0.2.2", dead}},
       {"192.0.2.1", "192.0.2.2"},
       {},
       "192.0.2.1"},
      {"cut after it connected", {{"192.0.2.1", cut}, {"192.0.2.2", good}}, {"192.0.2.1"}, outcome::reset_after_hello},
      {"all refuse", {{"192.0.2.1", refused}, {"192.0.2.2", refused}}, {"192.0.2.1", "192.0.2.2"}, outcome::refused},
      {"nine refuse",
       {{"192.0.2.1", refused},
        {"192.0.2.2", refused},
        {"192.0.2.3", refused},
        {"192.0.2.4", refused},
        {"192.0.2.5", refused},
        {"192.0.2.6", refused},
        {"192.0.2.7", refused},
        {"192.0.2.8", refused},
        {"192.0.2.9", good}},
       {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8"},
       outcome::refused},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    network net;
    http::request what;
    int told = 0;
    what.progress = [&told](stage at) { told += at == stage::connect ? 1 : 0; };
    for (const auto& [address, will] : row.fates) {
      net.fates[address] = will;
      what.addresses.push_back(net::asio::ip::make_address(address));
    }
    const http::get_fn one = [&net](http::request asked) { return net.get(std::move(asked)); };
    const auto got = fakes::run(http::get_by_address(one, what));
    CHECK(net.tried == row.tried);
    CHECK(net.running == 0);
    CHECK(got.has_error() == row.failed.has_value());
    if (got.has_error()) {
      CHECK(base::name(got.error().what) == base::name(row.failed.value_or(outcome::won)));
    } else {
      CHECK(got->body == row.won);
      CHECK(told == 1);
    }
    for (const auto allowed : net.allowed) CHECK(allowed <= 4000ms);
  }
}

TEST_CASE("a dead address costs a quarter of a second, not the time to connect") {
  const auto play = [](int& accepted) -> awaitable<net::result<http::response>> {
    const auto executor = co_await net::asio::this_coro::executor;
    const fakes::deaf_port deaf(executor);
    using net::asio::ip::tcp;
    tcp::acceptor other(executor, {net::asio::ip::make_address("127.0.0.2"), deaf.port()});
    const auto serve = [](tcp::acceptor& by, int& count) -> awaitable<void> {
      auto [ec, peer] = co_await by.async_accept(net::as_result);
      if (ec) co_return;
      ++count;
      std::string bytes(4096, '\0');
      (void)co_await peer.async_read_some(net::asio::buffer(bytes), net::as_result);
      const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      (void)co_await net::asio::async_write(peer, net::asio::buffer(answer), net::as_result);
    };
    net::scope children(executor);
    children.spawn(serve(other, accepted));
    http::resolver names(executor, {});
    http::client client(executor, {}, names);
    http::request what;
    what.url = "http://name.example:" + std::to_string(deaf.port()) + "/";
    what.max_body = 16;
    what.connect = 20s;
    for (const auto* text : {"127.0.0.1", "127.0.0.2"}) what.addresses.push_back(net::asio::ip::make_address(text));
    auto got = co_await client.get(std::move(what));
    children.cancel();
    co_await children.join();
    co_return got;
  };
  int accepted = 0;
  const auto before = std::chrono::steady_clock::now();
  const auto got = fakes::run(play(accepted));
  REQUIRE(got.has_value());
  CHECK(got->body == "ok");
  CHECK(accepted == 1);
  CHECK(std::chrono::steady_clock::now() - before < 5s);
}
