// How long the loop is held while a tor of ours is started and ended: the longest time between two turns of a coroutine
// that does nothing but come again. Each start has a folder of its own, as after an installation, and is followed by as
// long without a tor, which is what this machine does to any program. JSON on stdout.
//
//   loop_hold STARTS FOLDER
#include "net/deadline.hpp"
#include "net/scope.hpp"
#include "onion/tor.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

using namespace landfall;
namespace asio = boost::asio;
using net::awaitable;
using clock_type = std::chrono::steady_clock;

namespace {

/// Directory authorities that nobody is: tor starts, and reaches nothing.
constexpr auto nowhere = "DirAuthority nobody orport=1 no-v2 v3ident=0123456789ABCDEF0123456789ABCDEF01234567 "
                         "127.0.0.1:1 0123456789ABCDEF0123456789ABCDEF01234567\n";

long preempted() {
  rusage now{};
  ::getrusage(RUSAGE_THREAD, &now);
  return now.ru_nivcsw;
}

struct held {
  double longest = 0;     ///< ms
  double undisturbed = 0; ///< of the turns in which nobody else got our processor
  double worked = 0;      ///< the most processor time in one turn: the same on a busy machine
};

double processor_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// Until `over`: the longest turn of the loop.
awaitable<void> watch(const bool& over, held& out) {
  auto before = clock_type::now();
  auto switches = preempted();
  auto worked = processor_ms();
  while (!over) {
    co_await asio::post(asio::use_awaitable);
    const auto now = clock_type::now();
    const auto switched = preempted();
    const double turn = std::chrono::duration<double, std::milli>(now - before).count();
    out.longest = std::max(out.longest, turn);
    if (switched == switches) out.undisturbed = std::max(out.undisturbed, turn);
    const double working = processor_ms();
    out.worked = std::max(out.worked, working - worked);
    worked = working;
    before = now;
    switches = switched;
  }
}

onion::tor_options managed(const std::filesystem::path& folder) {
  onion::managed_tor what;
  what.folder.path = folder;
  what.more = nowhere;
  onion::tor_options out;
  out.kind = std::move(what);
  return out;
}

/// From the first ask until everything is set and the first phase was told; then its end.
awaitable<void> start_and_end(std::filesystem::path folder, held& out, clock_type::duration& took) {
  const auto executor = co_await asio::this_coro::executor;
  bool over = false;
  net::scope work(executor), watching(executor);
  onion::tor tor(executor, managed(folder));
  const auto begun = clock_type::now();
  watching.spawn(watch(over, out));
  work.spawn(tor.run());
  bool told = false;
  const onion::phase_fn tell = [&told](const wire::bootstrap_phase&) { told = true; };
  const auto to = *wire::socks_destination::parse("example.onion", 80);
  auto opening = net::with_deadline(tor.open(to, "a", tell), std::chrono::seconds(2), base::stage::proxy);
  const auto opened = co_await std::move(opening); // nobody answers: it ends with its deadline
  if (opened || !told) throw std::runtime_error("tor did not start");
  work.cancel();
  co_await work.join();
  over = true;
  co_await watching.join();
  took = clock_type::now() - begun;
}

awaitable<void> nothing(clock_type::duration how_long, held& out) {
  const auto executor = co_await asio::this_coro::executor;
  bool over = false;
  net::scope watching(executor);
  watching.spawn(watch(over, out));
  auto waiting = net::sleep_for(how_long);
  (void)co_await std::move(waiting);
  over = true;
  co_await watching.join();
}

awaitable<void> measure(int starts, std::filesystem::path folder, std::vector<held>& with, std::vector<held>& without) {
  for (int i = 0; i < starts; ++i) {
    clock_type::duration took{};
    auto starting = start_and_end(folder / fmt::format("{}", i), with.emplace_back(), took);
    co_await std::move(starting);
    auto idling = nothing(took, without.emplace_back());
    co_await std::move(idling);
  }
}

std::string json_of(const std::vector<held>& all) {
  std::string longest, undisturbed, worked;
  for (const auto& one : all) {
    const auto* comma = longest.empty() ? "" : ",";
    longest += fmt::format("{}{:.3f}", comma, one.longest);
    undisturbed += fmt::format("{}{:.3f}", comma, one.undisturbed);
    worked += fmt::format("{}{:.3f}", comma, one.worked);
  }
  return fmt::format(R"({{"longest":[{}],"undisturbed":[{}],"worked":[{}]}})", longest, undisturbed, worked);
}

} // namespace

int main(int count, char** words) {
  if (count != 3) return 2;
  asio::io_context io(1);
  std::vector<held> with, without;
  const auto on_end = [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  };
  asio::co_spawn(io, measure(std::atoi(words[1]), std::filesystem::absolute(words[2]), with, without), on_end);
  io.run();
  fmt::print("{{\"starts\":{},\"nothing\":{}}}\n", json_of(with), json_of(without));
  return 0;
}
