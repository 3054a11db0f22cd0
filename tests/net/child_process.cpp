#include "net/child_process.hpp"

#include "net/deadline.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"

#include <boost/asio/buffer.hpp>

#include <array>
#include <map>
#include <sstream>

using namespace landfall;
using namespace std::chrono_literals;
using net::awaitable;

namespace {

const std::string confined = LANDFALL_VECTORS "/../fakes/pt/confined.py";

net::child_options shell(const fakes::scratch& folder, std::string script) {
  return {{"sh", "-c", std::move(script)}, {"PATH=/usr/bin:/bin"}, folder.path()};
}

/// What it says, up to the line that begins with `last`.
awaitable<std::string> lines_until(net::child_process& child, std::string last) {
  std::string said;
  std::array<char, 4096> some{};
  while (said.find(last) == std::string::npos || !said.ends_with('\n')) {
    const auto [ec, size] = co_await child.output().async_read_some(net::asio::buffer(some), net::as_result);
    if (ec) break;
    said.append(some.data(), size);
  }
  co_return said;
}

awaitable<int> run_confined(std::map<std::string, std::string>& out) {
  const auto executor = co_await net::asio::this_coro::executor;
  const fakes::scratch own, others;
  (void)others.put("landfall.toml", "bridge lines");
  // A file that the command names is the program's to read, so it is told the folder.
  net::child_options how{{"/usr/bin/python3", "-S", confined, others.path().string()}, {"PATH=/usr/bin"}, own.path()};
  auto starting = net::child_process::start(executor, std::move(how));
  auto child = co_await std::move(starting);
  REQUIRE_MESSAGE(child.has_value(), child.error().detail);
  auto said = co_await lines_until(**child, "descriptors");
  std::istringstream words(said);
  for (std::string name, result; words >> name >> result;) out[name] = result;
  const auto status = co_await (*child)->stop();
  CHECK(status == 0);
  co_return 0;
}

awaitable<int> stopped(net::child_options how, net::patience limits) {
  const auto executor = co_await net::asio::this_coro::executor;
  auto starting = net::child_process::start(executor, std::move(how));
  auto child = co_await std::move(starting);
  REQUIRE_MESSAGE(child.has_value(), child.error().detail);
  (void)co_await lines_until(**child, "ready");
  co_return co_await (*child)->stop(limits);
}

awaitable<net::result<int>> runs_to_end(net::child_options how) {
  const auto executor = co_await net::asio::this_coro::executor;
  auto starting = net::child_process::start(executor, std::move(how));
  auto child = co_await std::move(starting);
  if (!child) co_return child.error();
  co_return co_await (*child)->ended();
}

/// Whether it was quicker than a deadline of nothing.
awaitable<std::string> cancelled_at_once(net::child_options how) {
  const auto executor = co_await net::asio::this_coro::executor;
  auto starting = net::with_deadline(net::child_process::start(executor, std::move(how)), 0ms, base::stage::none);
  const auto child = co_await std::move(starting);
  co_return child ? "started" : std::string(base::name(child.error().what));
}

} // namespace

TEST_CASE("a start that is given up leaves no child, whether its program was reached or not") {
  for (int times = 0; times < 50; ++times) {
    const fakes::scratch folder;
    const auto ended = fakes::run(cancelled_at_once(shell(folder, "while :; do sleep 1; done")));
    CHECK_MESSAGE((ended == "timed_out" || ended == "started"), ended);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1); // there is none
  }
}

TEST_CASE("a child is ended by its stdin, by SIGTERM, or by force") {
  const fakes::scratch folder;
  CHECK(fakes::run(stopped(shell(folder, "echo ready; read x; exit 4"), {30s, 30s})) == 4);
  CHECK(fakes::run(
            stopped(shell(folder, "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"), {10ms, 30s})) == 5);
  CHECK(fakes::run(stopped(shell(folder, "trap '' TERM; echo ready; while :; do sleep 0.01; done"), {10ms, 10ms})) ==
        128 + SIGKILL);
}

TEST_CASE("a child's end has its status, and one that cannot start says why") {
  const fakes::scratch folder;
  CHECK(fakes::run(runs_to_end(shell(folder, "exit 3"))).value() == 3);
  CHECK(fakes::run(runs_to_end(shell(folder, "kill -9 $$"))).value() == 128 + SIGKILL);
  CHECK(fakes::run(runs_to_end({{"no-such-program"}, {}, folder.path()})).error().what == base::outcome::local_error);
  const auto text = folder.put("text", "not a program");
  std::filesystem::permissions(text, std::filesystem::perms::owner_all);
  CHECK(fakes::run(runs_to_end({{text}, {}, folder.path()})).error().what == base::outcome::local_error);
}

TEST_CASE("the sandbox keeps a program to the network and its own folder") {
  const fakes::scratch folder;
  const auto walls = net::sandbox::prepare({.folder = folder.path(), .readable = {}});
  REQUIRE(walls.has_value());
  if (!walls->enforced().landlock || !walls->enforced().seccomp) {
    MESSAGE("SKIPPED: this kernel lacks Landlock or seccomp");
    return;
  }
  std::map<std::string, std::string> said;
  (void)fakes::run(run_confined(said));
  for (const auto& [name, result] : std::map<std::string, std::string>{{"own_folder", "done"},
                                                                       {"certificates", "done"},
                                                                       {"connect", "done"},
                                                                       {"fork", "3"},
                                                                       {"secret", "EACCES"},
                                                                       {"configuration", "EACCES"},
                                                                       {"elsewhere", "EACCES"},
                                                                       {"home", "EACCES"},
                                                                       {"kill_parent", "EPERM"},
                                                                       {"ptrace", "EPERM"},
                                                                       {"mount", "EPERM"},
                                                                       {"keyctl", "EPERM"},
                                                                       {"bpf", "EPERM"},
                                                                       {"init_module", "EPERM"},
                                                                       {"unshare", "EPERM"},
                                                                       {"io_uring_setup", "EPERM"},
                                                                       {"core", "0"},
                                                                       {"descriptors", "True"},
                                                                       {"setuid", "EPERM"},
                                                                       {"privileges", "1,2"}}) {
    CAPTURE(name);
    CHECK(said[name] == result);
  }
}
