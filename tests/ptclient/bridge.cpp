// From bridge lines to streams: through Debian's obfs4proxy at both ends, and programs that promise too much.
#include "ptclient/bridge.hpp"

#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/ptclient/far_end.hpp"

#include <fmt/format.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using net::awaitable;
namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

const std::string fake = LANDFALL_VECTORS "/../fakes/pt/proxy.py";

awaitable<void> echo(tcp::socket peer) { co_await fakes::echo_on(peer); }

/// Debian's obfs4proxy as a bridge in front of `behind`.
struct obfs4_bridge {
  fakes::scratch folder;
  std::uint16_t port = fakes::free_port();
  fakes::process program;
  explicit obfs4_bridge(std::uint16_t behind)
      : program({"env", "TOR_PT_MANAGED_TRANSPORT_VER=1", "TOR_PT_STATE_LOCATION=" + folder.path().string(),
                 "TOR_PT_SERVER_TRANSPORTS=obfs4", fmt::format("TOR_PT_SERVER_BINDADDR=obfs4-127.0.0.1:{}", port),
                 fmt::format("TOR_PT_ORPORT=127.0.0.1:{}", behind), "obfs4proxy"}) {
    program.wait_for_port(port);
  }
  [[nodiscard]] std::string line() const {
    const auto text = folder.get("obfs4_bridgeline.txt");
    const auto cert = text.substr(text.find("cert="));
    return fmt::format("obfs4 127.0.0.1:{} {}", port, cert.substr(0, cert.find('\n')));
  }
};

struct stage {
  fakes::scratch folder;
  config::settings settings;
  ptclient::bridge_limits limits;
  stage() {
    settings.sidecar.state = folder.path();
    limits.granted = 10s;
    limits.first_byte = 10s;
  }
  stage& uses(std::vector<std::string> names, std::vector<std::string> exec) {
    settings.transports.push_back({std::move(names), std::move(exec), false});
    return *this;
  }
};

/// Opens it, and says what comes back for "hello".
awaitable<net::result<std::string>> ask(stage& on, std::string text) {
  const auto executor = co_await asio::this_coro::executor;
  http::resolver names(executor, fakes::no_names());
  ptclient::bridges all(executor, on.settings, names, base::system_clock(), {}, on.limits);
  net::scope running(executor);
  running.spawn(all.run());
  auto line = config::bridge_line::parse(text);
  REQUIRE(line.has_value());
  net::result<std::string> out = std::string();
  auto opened = co_await all.open(std::move(*line));
  if (opened) {
    const std::string hello = "hello";
    auto sent = co_await (*opened)->write(asio::buffer(hello));
    std::array<char, 64> some{};
    auto got = co_await (*opened)->read_some(asio::buffer(some));
    if (got) {
      out = std::string(some.data(), *got);
    } else {
      out = got.error();
    }
    (*opened)->close();
  } else {
    out = opened.error();
  }
  running.cancel();
  co_await running.join();
  co_return out;
}

awaitable<net::result<std::string>> over_obfs4proxy(stage& on, bool wrong_key) {
  const auto executor = co_await asio::this_coro::executor;
  fakes::hostile_server behind(executor, &echo);
  net::scope children(executor);
  children.spawn(behind.serve());
  const obfs4_bridge bridge(behind.port());
  auto line = bridge.line();
  const auto at = line.find("cert=") + 40; // within the public key
  if (wrong_key) line[at] = line[at] == 'A' ? 'B' : 'A';
  auto out = co_await ask(on, std::move(line));
  children.cancel();
  co_await children.join();
  co_return out;
}

} // namespace

TEST_CASE("a bridge by our own obfs4, directly and through a proxy") {
  stage on;
  const auto got = fakes::run(over_obfs4proxy(on, false));
  REQUIRE_MESSAGE(got.has_value(), base::to_string(got.error()));
  CHECK(*got == "hello");
  const auto port = fakes::free_port();
  on.settings.sidecar.upstream_proxy = base::sensitive(fmt::format("socks5://127.0.0.1:{}", port));
  const auto closed = fakes::run(over_obfs4proxy(on, false));
  REQUIRE_FALSE(closed.has_value());
  CHECK(closed.error().what == outcome::proxy_failed);
  CHECK_FALSE(closed.error().where);
  const fakes::scratch folder;
  fakes::process socks({"microsocks", "-i", "127.0.0.1", "-p", std::to_string(port)}, folder.path() / "log");
  socks.wait_for_port(port);
  const auto proxied = fakes::run(over_obfs4proxy(on, false));
  CHECK_MESSAGE(proxied.has_value(), base::to_string(proxied.error()));
}

TEST_CASE("a bridge through a program") {
  stage on;
  on.uses({"obfs4"}, {"obfs4proxy"});
  const auto got = fakes::run(over_obfs4proxy(on, false));
  REQUIRE_MESSAGE(got.has_value(), base::to_string(got.error()));
  CHECK(*got == "hello");
  on.limits.granted = 1s;
  const auto wrong = fakes::run(over_obfs4proxy(on, true));
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().what == outcome::bridge_silent);
}

TEST_CASE("a program's connections go through the upstream proxy, or nowhere") {
  const auto port = fakes::free_port();
  const fakes::scratch folder;
  stage on;
  on.uses({"obfs4"}, {"obfs4proxy"});
  on.settings.sidecar.upstream_proxy = base::sensitive(fmt::format("socks5://user:pass%20word@127.0.0.1:{}", port));
  const auto closed = fakes::run(over_obfs4proxy(on, false));
  REQUIRE_FALSE(closed.has_value());
  CHECK(closed.error().what == outcome::proxy_failed);
  fakes::process socks({"microsocks", "-i", "127.0.0.1", "-p", std::to_string(port), "-u", "user", "-P", "pass word"},
                       folder.path() / "log");
  socks.wait_for_port(port);
  const auto got = fakes::run(over_obfs4proxy(on, false));
  CHECK_MESSAGE(got.has_value(), base::to_string(got.error()));
  CHECK(folder.get("log").find("connected to 127.0.0.1") != std::string::npos);
}

TEST_CASE("a program's sockets are ours where an interface is set") {
  if (!net::check({.fwmark = 0, .interface = "lo"})) {
    MESSAGE("SKIPPED: no permission to bind to an interface");
    return;
  }
  stage on;
  on.uses({"obfs4"}, {"obfs4proxy"});
  on.settings.sidecar.interface = "lo";
  const auto got = fakes::run(over_obfs4proxy(on, false));
  CHECK_MESSAGE(got.has_value(), base::to_string(got.error()));
  on.settings.sidecar.interface = "nowhere0"; // had the program a socket of its own, it would get there all the same
  CHECK_FALSE(fakes::run(over_obfs4proxy(on, false)).has_value());
}

TEST_CASE("success of a program may mean nothing") {
  stage on;
  on.uses({"fake"}, {"/usr/bin/python3", fake, "grants"});
  on.limits.first_byte = 300ms;
  const auto got = fakes::run(ask(on, "fake 192.0.2.3:80 url=https://front.example/"));
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().what == outcome::bridge_silent);
  CHECK(got.error().detail.find("nothing came") != std::string::npos);
}

TEST_CASE("what cannot be opened says why") {
  struct row {
    std::string line, why;
  };
  stage on;
  on.uses({"snowflake"}, {"snowflake-client"}).settings.sidecar.upstream_proxy =
      base::sensitive<std::string>("socks5://127.0.0.1:9");
  for (const auto& [line, why] :
       {row{"192.0.2.1:443", "tor's to use"}, row{"meek_lite 192.0.2.1:443 url=https://a.example/", "no [[transport]]"},
        row{"snowflake 192.0.2.1:443", "takes no proxy"}}) {
    const auto got = fakes::run(ask(on, line));
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().what == outcome::proxy_failed);
    CHECK_MESSAGE(got.error().detail.find(why) != std::string::npos, got.error().detail);
  }
  on.settings.sidecar.upstream_proxy = base::sensitive<std::string>("gopher://127.0.0.1:9");
  CHECK(fakes::run(ask(on, "webtunnel 192.0.2.1:443 url=https://a.example/")).error().detail.find("cannot be read") !=
        std::string::npos);
}
