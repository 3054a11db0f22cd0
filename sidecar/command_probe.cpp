// `landfall probe`: every route to its end, and what its failure looks like. Progress on stderr, the findings on
// stdout.
#include "net/scope.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/configuration.hpp"
#include "sidecar/failure.hpp"
#include "sidecar/probe_output.hpp"
#include "sidecar/stop.hpp"
#include "sidecar/table.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <memory>

namespace landfall::sidecar {

namespace {

using net::awaitable;

struct probe_flags {
  std::string configuration;
  bool all = false, json = false;
};

awaitable<void> to_the_end(prober& probe, probe_result& out) { out = co_await probe.run(); }
awaitable<void> wait_for_signal(stop_watch& stop) { (void)co_await stop.wait(); }

/// The probe, or as much of it as there is when a signal comes.
awaitable<void> until_stopped(prober& probe, stop_watch& stop, probe_result& out) {
  net::scope both(co_await net::asio::this_coro::executor);
  both.spawn(to_the_end(probe, out));
  both.spawn(wait_for_signal(stop));
  co_await both.wait(); // until either ends
  both.cancel();
  co_await both.join();
}

void print(const probe_result& found, bool as_json) {
  if (as_json) {
    fmt::print("{}\n", boost::json::serialize(to_json(found)));
    return;
  }
  for (const auto& line : probe_lines(found)) fmt::print("{}\n", line);
}

int probe_all(const probe_flags& flags) {
  auto loaded = load_configuration(flags.configuration);
  if (const auto* status = std::get_if<int>(&loaded)) return *status;
  net::asio::io_context io(1);
  const auto stop = stop_watch::make(io.get_executor(), false);
  if (!stop) return complain(stop.error());
  auto& settings = std::get<config::settings>(loaded);
  auto probe = prober::open(io.get_executor(), std::move(settings), base::system_clock(), flags.all);
  if (!probe) return complain(probe.error());
  const bool terminal = is_terminal(stderr);
  lane_table table(stderr, terminal);
  const event_bus::listening watching((*probe)->events(), [&table](const event& happened) { table.take(happened); });
  probe_result found;
  const auto on_end = [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  };
  net::asio::co_spawn(io, until_stopped(**probe, **stop, found), on_end);
  io.run();
  if (terminal) table.draw({}); // what it showed stands in the findings
  print(found, flags.json);
  return found.any_authentic() ? done : no_peers;
}

} // namespace

void add_probe_command(CLI::App& app, action& chosen) {
  auto* command =
      app.add_subcommand("probe", "Try every route to its end: result, time, what kind of blocking it looks "
                                  "like, and what an observer sees. Penalties are not bypassed");
  auto flags = std::make_shared<probe_flags>();
  add_configuration_option(*command, flags->configuration);
  command->add_flag("--all", flags->all, "Conspicuous routes too, where exposure is 'quiet'");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags, &chosen] { chosen = [flags] { return probe_all(*flags); }; });
}

} // namespace landfall::sidecar
