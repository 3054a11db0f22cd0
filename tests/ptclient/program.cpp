// Managed proxies that misbehave (tests/fakes/pt/proxy.py), each with its own outcome; and Debian's real ones.
#include "ptclient/program.hpp"

#include "net/deadline.hpp"
#include "net/socket.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"

#include <sys/wait.h>

using namespace landfall;
using namespace std::chrono_literals;
using net::awaitable;
using kind = ptclient::transport_event::kind;

namespace {

const std::string fake = LANDFALL_VECTORS "/../fakes/pt/proxy.py";

/// A program and what was told of it.
struct stage {
  fakes::scratch folder;
  std::vector<ptclient::transport_event> told;
  ptclient::program_options options;

  explicit stage(std::vector<std::string> exec, std::vector<std::string> names = {"fake"}) {
    options.names = std::move(names);
    options.exec = std::move(exec);
    options.folder = folder.path() / "state";
    options.tell = [this](ptclient::transport_event happened) { told.push_back(std::move(happened)); };
    options.limits.start = 10s;
    options.limits.first_pause = 1ms;
  }
  [[nodiscard]] auto count(kind what) const {
    return std::count_if(told.begin(), told.end(), [what](const auto& one) { return one.what == what; });
  }
};

using script = awaitable<void> (*)(ptclient::program&, stage&);

awaitable<int> act(stage& on, script play) {
  const auto executor = co_await net::asio::this_coro::executor;
  ptclient::program program(executor, on.options);
  net::scope running(executor);
  running.spawn(program.run());
  co_await play(program, on);
  running.cancel();
  co_await running.join();
  CHECK_FALSE(program.pid());
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1); // no child is left, nor a zombie
  co_return 0;
}

void with(stage& on, script play) { (void)fakes::run(act(on, play)); }

/// Until it was told; the deadline fails the test by name.
awaitable<net::result<bool>> until_told(stage& on, kind what) {
  while (on.count(what) == 0) {
    auto slept = co_await net::sleep_for(5ms);
    if (!slept) co_return slept.error();
  }
  co_return true;
}

struct ending {
  base::outcome what;
  std::string_view detail;
};

awaitable<net::result<wire::pt_method>> ask(ptclient::program& of, std::string transport = "fake") {
  co_return co_await of.method(std::move(transport));
}

ending expected{};

awaitable<void> fails(ptclient::program& program, stage&) {
  auto method = co_await ask(program);
  REQUIRE_FALSE(method.has_value());
  CHECK(method.error().what == expected.what);
  CHECK_MESSAGE(method.error().detail.find(expected.detail) != std::string::npos, method.error().detail);
}

awaitable<void> works(ptclient::program& program, stage&) {
  auto method = co_await ask(program);
  REQUIRE_MESSAGE(method.has_value(), method.error().detail);
  CHECK(method->address == "127.0.0.1");
  CHECK(method->port != 0);
}

} // namespace

TEST_CASE("each way of a program to misbehave has its own outcome") {
  using base::outcome;
  struct row {
    std::string how;
    outcome what;
    std::string_view detail;
  };
  for (const auto& [how, what, detail] : {
           row{"silent", outcome::timed_out, "did not get ready in time"},
           row{"garbage", outcome::proxy_failed, "speaks no protocol of transports"},
           row{"endless_line", outcome::proxy_failed, "a line without an end"},
           row{"dies_at_start", outcome::proxy_failed, "ENV-ERROR: no state location"},
           row{"twice", outcome::proxy_failed, "offered it twice"},
           row{"elsewhere", outcome::proxy_failed, "not loopback"},
           row{"not_utf8", outcome::proxy_failed, "not UTF-8"},
           row{"old_version", outcome::proxy_failed, "no version of ours"},
       }) {
    CAPTURE(how);
    stage on({"/usr/bin/python3", fake, how});
    if (how == "silent") on.options.limits.start = 500ms;
    expected = {what, detail};
    with(on, fails);
  }
  stage missing({"/nowhere/transport"});
  expected = {outcome::local_error, "not there"};
  with(missing, fails);
  stage idle({"/usr/bin/python3", fake, "forgets_proxy"});
  idle.options.proxy = base::sensitive<std::string>("socks5://127.0.0.1:1");
  expected = {outcome::proxy_failed, "pass it by"};
  with(idle, fails);
}

namespace {

/// The port of one life, which this ends.
awaitable<std::uint16_t> live_once(ptclient::program& program, stage& on) {
  const auto lives = on.count(kind::ended);
  auto method = co_await ask(program);
  REQUIRE_MESSAGE(method.has_value(), method.error().detail);
  const net::asio::ip::tcp::endpoint to(net::asio::ip::address_v4::loopback(), method->port);
  net::socket_options plain;
  auto used = co_await net::dial(to, std::move(plain));
  CHECK(used.has_value());
  while (on.count(kind::ended) == lives) (void)co_await net::sleep_for(1ms);
  co_return method->port;
}

awaitable<void> dies_again(ptclient::program& program, stage& on) {
  std::set<std::uint16_t> ports;
  for (int life = 0; life < 3; ++life) {
    const auto port = co_await live_once(program, on);
    ports.insert(port);
    (void)co_await net::sleep_for(50ms); // the pauses of this test are 1, 2 and 4 ms
  }
  CHECK(on.count(kind::started) == 3);
  CHECK(ports.size() >= 2);
}

awaitable<void> pauses(ptclient::program& program, stage& on) {
  (void)co_await live_once(program, on);
  auto at_once = co_await ask(program);
  REQUIRE_FALSE(at_once.has_value());
  CHECK(at_once.error().what == base::outcome::proxy_failed);
  CHECK(at_once.error().detail.find("after it had been ready (status 7)") != std::string::npos);
  CHECK(on.count(kind::started) == 1);
}

awaitable<void> dies_at_once(ptclient::program& program, stage& on) {
  (void)co_await ask(program); // it may be dead before we have looked
  while (on.count(kind::ended) == 0) (void)co_await net::sleep_for(1ms);
  auto then = co_await ask(program);
  REQUIRE_FALSE(then.has_value());
  CHECK(then.error().detail.find("after it had been ready (status 7)") != std::string::npos);
}

awaitable<void> floods(ptclient::program& program, stage& on) {
  co_await works(program, on);
  auto dropped = co_await net::with_deadline(until_told(on, kind::log_dropped), 30s, base::stage::none);
  CHECK(dropped.has_value());
  co_await works(program, on);
}

awaitable<void> keeps_to_its_transport(ptclient::program& program, stage& on) {
  auto other = co_await ask(program, "other");
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().detail == "the program refused it: not today");
  co_await works(program, on);
}

awaitable<void> says_environment(ptclient::program& program, stage& on) {
  co_await works(program, on);
  while (on.count(kind::status) < 2 && on.count(kind::ended) == 0) (void)co_await net::sleep_for(1ms);
}

} // namespace

TEST_CASE("a program that dies is started again, at another port, but not without a pause") {
  stage on({"/usr/bin/python3", fake, "dies_when_used"});
  with(on, dies_again);
  stage slow({"/usr/bin/python3", fake, "dies_when_used"});
  slow.options.limits.first_pause = 60s;
  with(slow, pauses);
  stage quick({"/usr/bin/python3", fake, "dies_after_methods"});
  quick.options.limits.first_pause = 60s;
  with(quick, dies_at_once);
}

TEST_CASE("a flood of words drowns nobody") {
  stage on({"/usr/bin/python3", fake, "floods_log"});
  with(on, floods);
  CHECK(on.count(kind::log) >= wire::pt_log_limit::burst);
  CHECK(on.told.size() < 200); // of 20 000
}

TEST_CASE("CMETHOD-ERROR is the affair of its transport") {
  stage on({"/usr/bin/python3", fake, "refuses_one"}, {"fake", "other"});
  with(on, keeps_to_its_transport);
  CHECK(on.count(kind::refused) == 1);
}

TEST_CASE("a program that will not end is ended") {
  stage on({"/usr/bin/python3", fake, "deaf"});
  on.options.limits.end = {50ms, 50ms};
  with(on, works);
}

TEST_CASE("a program gets an environment made from nothing, three descriptors, and a folder") {
  ::setenv("TOR_PT_ORPORT", "127.0.0.1:1", 1);
  ::setenv("LANDFALL_CONFIG", "/nowhere", 1);
  stage on({"/usr/bin/python3", fake, "environment"});
  with(on, says_environment);
  ::unsetenv("TOR_PT_ORPORT");
  ::unsetenv("LANDFALL_CONFIG");
  std::string said;
  for (const auto& one : on.told)
    if (one.what == kind::status && one.said.reveal().find("ENV=") != std::string::npos) said = one.said.reveal();
  const auto folder = on.options.folder.string();
  CHECK(said == "ENV=HOME=" + folder + " PATH=/usr/local/bin:/usr/bin:/bin TMPDIR=" + folder +
                    " TOR_PT_CLIENT_TRANSPORTS=fake TOR_PT_EXIT_ON_STDIN_CLOSE=1 TOR_PT_MANAGED_TRANSPORT_VER=1"
                    " TOR_PT_STATE_LOCATION=" +
                    folder + " FILES=none CWD=" + folder);
}

TEST_CASE("Debian's programs run, confined") {
  stage obfs4({"obfs4proxy"}, {"obfs4"});
  expected = {};
  (void)fakes::run(act(obfs4, [](ptclient::program& program, stage&) -> awaitable<void> {
    auto method = co_await ask(program, "obfs4");
    CHECK_MESSAGE(method.has_value(), method.error().detail);
    auto other = co_await ask(program, "meek_lite");
    CHECK_FALSE(other.has_value());
  }));
  CHECK(obfs4.count(kind::unconfined) == 0);
  stage snowflake({"snowflake-client"}, {"snowflake"});
  (void)fakes::run(act(snowflake, [](ptclient::program& program, stage&) -> awaitable<void> {
    auto method = co_await ask(program, "snowflake");
    CHECK_MESSAGE(method.has_value(), method.error().detail);
  }));
}
