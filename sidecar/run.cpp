#include "sidecar/run.hpp"

#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/parent.hpp"
#include "base/service_notify.hpp"
#include "base/signals.hpp"
#include "net/scope.hpp"
#include "sidecar/api_socket.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/engine.hpp"
#include "sidecar/failure.hpp"
#include "sidecar/stop.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <unistd.h>

namespace landfall::sidecar {

namespace {

using net::awaitable;

/// For answers under way at the end; with what is cancelled after it, well within the second that we promise.
constexpr std::chrono::milliseconds grace{500};

awaitable<void> serve(engine& heart, api_server& api, stop_watch& stop, const run_options& options, std::string ready) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::scope clients(executor), work(executor);
  clients.spawn(api.run());
  // Before any network or TLS work: whoever waits for us may ask from now on.
  base::log(base::level::info, "{}", ready);
  base::notify_service("READY=1");
  base::give_back_memory();
  work.spawn(heart.run());
  if (options.beside) work.spawn(options.beside());
  const auto why = co_await stop.wait();
  base::log(base::level::info, "ending: {}", why);
  base::notify_service("STOPPING=1");
  heart.stop();
  api.stop();
  work.cancel();
  const auto until = std::chrono::steady_clock::now() + grace;
  while (clients.running() > 0 && std::chrono::steady_clock::now() < until) co_await clients.wait(until);
  clients.cancel();
  co_await clients.join();
  co_await work.join();
}

std::set<uid_t> allowed_uids(const config::settings& settings) {
  std::set<uid_t> out(settings.sidecar.api_uids.begin(), settings.sidecar.api_uids.end());
  out.insert({0, ::geteuid()});
  return out;
}

std::string ready_line(const run_options& options, const status& now) {
  const auto usable = std::count_if(now.routes.begin(), now.routes.end(),
                                    [](const route_status& route) { return route.route.off.empty(); });
  return fmt::format("ready: API at {}; network {}, {} of {} routes usable", options.socket.string(), now.network,
                     usable, now.routes.size());
}

} // namespace

int run_sidecar(run_options options) {
  if (options.exit_with_parent && !base::tie_to_parent(options.parent)) {
    base::log(base::level::info, "ending: the parent has gone");
    return done;
  }
  net::asio::io_context io(1); // one thread, by decision: see docs/adr
  const auto stop = stop_watch::make(io.get_executor(), options.exit_on_stdin_close);
  if (!stop) return complain(stop.error());
  auto heart = engine::open(io.get_executor(), options.settings, base::system_clock(), {.demo = options.demo});
  if (!heart) return complain(heart.error());
  auto socket = api_socket::listen(options.socket);
  if (!socket) return complain(socket.error());
  api_server api(io.get_executor(), socket->release(), **heart, (*heart)->events(), allowed_uids(options.settings));
  auto serving = serve(**heart, api, **stop, options, ready_line(options, (*heart)->describe()));
  const auto on_end = [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  };
  net::asio::co_spawn(io, std::move(serving), on_end);
  io.run();
  base::hold_ending_signals();
  return done;
}

} // namespace landfall::sidecar
