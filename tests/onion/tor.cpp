// The tor of our own and that of others, with real tors that reach no network (tests/lab has one with a network).
#include "onion/tor.hpp"

#include "base/encoding.hpp"
#include "net/deadline.hpp"
#include "net/notifier.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"

#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <iterator>

using namespace landfall;
using base::outcome;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// Directory authorities that nobody is: tor starts, and comes to nothing.
constexpr auto nowhere = "DirAuthority nobody orport=1 no-v2 v3ident=0123456789ABCDEF0123456789ABCDEF01234567 "
                         "127.0.0.1:1 0123456789ABCDEF0123456789ABCDEF01234567\n";

onion::tor_options managed(const std::filesystem::path& folder, std::string program = "tor") {
  onion::managed_tor what;
  what.folder.path = folder;
  what.program = std::move(program);
  what.more = nowhere;
  onion::tor_options out;
  out.kind = std::move(what);
  out.bootstrap = 60s;
  return out;
}

wire::socks_destination somewhere() { return *wire::socks_destination::parse("example.onion", 80); }

using story = std::function<asio::awaitable<std::string>(onion::tor&)>;

asio::awaitable<std::string> told(onion::tor_options options, story what) {
  const auto executor = co_await asio::this_coro::executor;
  onion::tor tor(executor, std::move(options));
  net::scope keeper(executor);
  keeper.spawn(tor.run());
  auto telling = what(tor);
  auto out = co_await std::move(telling);
  keeper.cancel();
  co_await keeper.join();
  CHECK_FALSE(tor.child());
  co_return out;
}

asio::awaitable<std::string> opened(onion::tor& tor) {
  auto opening = tor.open(somewhere(), "a");
  const auto got = co_await std::move(opening);
  if (got) co_return "good";
  co_return fmt::format("{}: {}", base::name(got.error().what), got.error().detail);
}

asio::awaitable<std::string> killed(onion::tor& tor) {
  const onion::phase_fn at_first = [&tor](const wire::bootstrap_phase&) {
    if (tor.child()) ::kill(*tor.child(), SIGKILL);
  };
  auto opening = tor.open(somewhere(), "a", at_first);
  const auto got = co_await std::move(opening);
  co_return got ? "good" : fmt::format("{}: {}", base::name(got.error().what), got.error().detail);
}

/// Bridges that come while it runs are set at once, and its key is there again.
asio::awaitable<std::string> gets_bridges(onion::tor& tor) {
  const auto executor = co_await asio::this_coro::executor;
  net::notifier phased(executor);
  const onion::phase_fn at_first = [&phased](const wire::bootstrap_phase&) { phased.notify(); };
  net::scope asking(executor);
  const auto ask = [](onion::tor& of, onion::phase_fn tell) -> asio::awaitable<void> {
    auto opening = of.open(somewhere(), "a", std::move(tell));
    (void)co_await std::move(opening);
  };
  asking.spawn(ask(tor, at_first));
  auto waiting = net::with_deadline(phased.wait(), 30s, base::stage::handshake);
  const auto waited = co_await std::move(waiting);
  auto ways = *tor.ways();
  ways.bridges.emplace_back("192.0.2.1:443 0123456789ABCDEF0123456789ABCDEF01234567");
  tor.use(ways);
  const auto folder = std::filesystem::path(ways.transports.front().second).parent_path(); // see the row
  const onion::tor_folder place{folder};
  auto opening = onion::control::open({place.control(), {}, place.cookie()});
  const auto beside = co_await std::move(opening);
  asking.cancel();
  if (!waited || !beside) {
    co_await asking.join();
    co_return "no tor";
  }
  std::string out = "not set";
  for (int i = 0; i < 1000 && out == "not set"; ++i) {
    auto looking = (*beside)->get_info("config-text");
    const auto text = co_await std::move(looking);
    if (!text) break;
    if (text->find("Bridge 192.0.2.1:443") != text->npos && text->find("UseBridges 1") != text->npos) out = "set";
  }
  auto viewing = (*beside)->ask("ONION_CLIENT_AUTH_VIEW");
  const auto keys = co_await std::move(viewing);
  out += keys && keys->lines.size() == 3 ? ", with its key" : ", without its key";
  co_await asking.join();
  co_return out;
}

/// By what tor goes in an attempt of which nothing comes, one after the other.
asio::awaitable<std::string> gives_up_bridges(onion::tor& tor) {
  const auto executor = co_await asio::this_coro::executor;
  net::notifier phased(executor);
  const onion::phase_fn at_first = [&phased](const wire::bootstrap_phase&) { phased.notify(); };
  const auto ask = [](onion::tor& of, onion::phase_fn tell) -> asio::awaitable<void> {
    auto opening = of.open(somewhere(), "a", std::move(tell));
    (void)co_await std::move(opening);
  };
  net::scope asking(executor);
  asking.spawn(ask(tor, at_first));
  auto waiting = net::with_deadline(phased.wait(), 30s, base::stage::handshake);
  const auto waited = co_await std::move(waiting);
  const onion::tor_folder place{std::filesystem::path(tor.ways()->transports.front().second).parent_path()};
  auto opening = onion::control::open({place.control(), {}, place.cookie()});
  const auto beside = co_await std::move(opening);
  std::string seen;
  while (waited && beside && asking.running() > 0) {
    auto looking = (*beside)->get_info("config-text");
    const auto text = co_await std::move(looking);
    if (!text) break;
    const std::string now = text->find("UseBridges 1") != text->npos ? "with " : "without ";
    if (!seen.ends_with(now)) seen += now;
    if (seen.ends_with("with without with ")) asking.cancel();
  }
  asking.cancel();
  co_await asking.join();
  co_return seen;
}

std::string whole(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// As every program that we start.
asio::awaitable<std::string> confined(onion::tor& tor) {
  std::string status, limits;
  const onion::phase_fn at_first = [&](const wire::bootstrap_phase&) {
    if (!tor.child() || !status.empty()) return;
    const auto proc = fmt::format("/proc/{}/", *tor.child());
    status = whole(proc + "status");
    limits = whole(proc + "limits");
    ::kill(*tor.child(), SIGKILL);
  };
  auto opening = tor.open(somewhere(), "a", at_first);
  (void)co_await std::move(opening);
  const auto holds = [](const std::string& in, const char* line) { return in.find(line) != in.npos; };
  if (!holds(status, "NoNewPrivs:\t1") || !holds(status, "Seccomp:\t2")) co_return status;
  if (!holds(status, "CapEff:\t0000000000000000") || !holds(limits, "Max core file size        0 ")) co_return limits;
  co_return "confined";
}

asio::awaitable<std::string> not_asked(onion::tor& tor) { co_return tor.started() ? "started" : "not started"; }

/// What is made of a stream that ended so, after `open` was asked for once.
asio::awaitable<std::string> judged(onion::tor& tor, outcome why) {
  auto opening = tor.open(somewhere(), "a");
  (void)co_await std::move(opening);
  auto judging = tor.judge(base::fail(why, "as it was"));
  const auto said = co_await std::move(judging);
  co_return fmt::format("{}: {}", base::name(said.what), said.detail);
}

asio::awaitable<std::string> cancelled(onion::tor& tor) {
  auto opening = net::with_deadline(tor.open(somewhere(), "a"), 300ms, base::stage::handshake);
  const auto got = co_await std::move(opening);
  co_return std::string(base::name(got.error().what));
}

} // namespace

TEST_CASE("A tor of ours: what becomes of it is told to who asked") {
  const fakes::scratch scratch;
  auto stuck = managed(scratch.path() / "stuck");
  stuck.bootstrap = 2s;
  std::filesystem::create_directory(scratch.path() / "open");
  ::chmod((scratch.path() / "open").c_str(), 0777);
  auto bridged = managed(scratch.path() / "bridged");
  bridged.keys.push_back({"2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid",
                          base::secret(base::to_base64(std::string(32, 'k')))});
  std::get<onion::managed_tor>(bridged.kind).ways.transports = {
      {"obfs4", (scratch.path() / "bridged/no-program").string()}};
  const auto dead_bridge = [&scratch](const std::string& name, bool optional) {
    auto out = managed(scratch.path() / name);
    auto& ways = std::get<onion::managed_tor>(out.kind).ways;
    ways.bridges.emplace_back("127.0.0.1:1 0123456789ABCDEF0123456789ABCDEF01234567");
    ways.bridges_optional = optional;
    ways.transports = {{"obfs4", (scratch.path() / name / "no-program").string()}};
    out.stuck = 200ms;
    out.bootstrap = optional ? std::chrono::milliseconds(60s) : 1500ms;
    return out;
  };
  std::filesystem::create_directory(scratch.path() / "theirs");
  const bool root = ::chown((scratch.path() / "theirs").c_str(), 65534, 65534) == 0;
  struct row {
    std::string name;
    onion::tor_options options;
    story what;
    std::string expected;
  };
  row rows[] = {
      {"nobody asks", managed(scratch.path() / "a"), not_asked, "not started"},
      {"it reaches nobody", std::move(stuck), opened, "tor_bootstrap: tor is at "},
      {"it is killed", managed(scratch.path() / "b"), killed, "tor_bootstrap: tor has ended"},
      {"it is confined", managed(scratch.path() / "confined"), confined, "confined"},
      {"who asked goes away", managed(scratch.path() / "c"), cancelled, "timed_out"},
      {"there is no such program", managed(scratch.path() / "d", "no-such-tor"), opened,
       "tor_bootstrap: cannot start tor"},
      {"the program ends at once", managed(scratch.path() / "e", "false"), opened,
       "tor_bootstrap: tor ended with status 1"},
      {"others may write in its folder", managed(scratch.path() / "open"), opened, "local_error: "},
      {"its folder is another user's", managed(scratch.path() / "theirs"), opened,
       root ? "local_error: " : "tor_bootstrap: "},
      {"bridges come while it runs", std::move(bridged), gets_bridges, "set, with its key"},
      {"bridges of a list that are dead", dead_bridge("listed", true), gives_up_bridges, "with without with "},
  };
  const auto kept = fakes::run(told(dead_bridge("configured", false), gives_up_bridges));
  CHECK_MESSAGE(kept == "with ", "a configured bridge: never without");
  if (!root) MESSAGE("SKIPPED: only root can make a folder of another user");
  for (auto& row : rows) {
    CAPTURE(row.name);
    const auto said = fakes::run(told(std::move(row.options), row.what));
    CHECK_MESSAGE(said.starts_with(row.expected), said);
  }
}

TEST_CASE("A tor of the system's is left as it was found") {
  const fakes::scratch scratch;
  const auto control = fakes::free_port(), socks = fakes::free_port();
  const auto torrc =
      scratch.put("torrc", fmt::format("{}DataDirectory {}\nControlPort 127.0.0.1:{}\nSocksPort 127.0.0.1:{}\n"
                                       "CookieAuthentication 1\n",
                                       nowhere, (scratch.path() / "data").string(), control, socks));
  fakes::process running({"tor", "-f", torrc}, (scratch.path() / "log").string());
  running.wait_for_port(control);
  const auto at = [](std::uint16_t port) { return asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port); };
  onion::tor_options by_control, by_socks, wrong;
  by_control.kind = onion::control_tor{at(control)};
  by_control.bootstrap = 1s;
  by_socks.kind = onion::socks_tor{at(socks)};
  wrong.kind = onion::control_tor{at(socks)};
  const auto first = fakes::run(told(std::move(by_control), opened));
  CHECK_MESSAGE(first.starts_with("tor_bootstrap: tor is at "), first);
  CHECK(running.running());
  // This tor refuses a stream to a wrong onion address at once.
  const auto second = fakes::run(told(std::move(by_socks), opened));
  CHECK_MESSAGE(second.starts_with("proxy_failed: "), second);
  const auto third = fakes::run(told(std::move(wrong), opened));
  CHECK_MESSAGE(third.starts_with("malformed: "), third);
}

TEST_CASE("What cut a stream through tor: tor itself, or what is behind it; never a censor") {
  const fakes::scratch scratch;
  const auto socks = fakes::free_port();
  const auto torrc = scratch.put("torrc", fmt::format("{}DataDirectory {}\nSocksPort 127.0.0.1:{}\n", nowhere,
                                                      (scratch.path() / "data").string(), socks));
  const auto said = [socks](outcome why) {
    onion::tor_options options;
    options.kind = onion::socks_tor{asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), socks)};
    return fakes::run(told(std::move(options), [why](onion::tor& tor) { return judged(tor, why); }));
  };
  const outcome cuts[] = {outcome::reset_before_hello, outcome::reset_after_hello, outcome::stalled_after_bytes};
  {
    fakes::process running({"tor", "-f", torrc}, (scratch.path() / "log").string());
    running.wait_for_port(socks);
    for (const auto cut : cuts) CHECK(said(cut).starts_with("unreachable: "));
    CHECK(said(outcome::timed_out) == "timed_out: as it was");
  }
  for (const auto cut : cuts) CHECK(said(cut) == "proxy_failed: tor has ended");
  CHECK(said(outcome::http_status) == "http_status: as it was");
}
