#include "sidecar/run.hpp"

#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/parent.hpp"
#include "base/service_notify.hpp"
#include "net/scope.hpp"
#include "sidecar/api_socket.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/engine.hpp"
#include "sidecar/failure.hpp"
#include "sidecar/socks_server.hpp"
#include "sidecar/stop.hpp"

#include <fmt/format.h>

#include <unistd.h>

namespace landfall::sidecar {

namespace {

using net::awaitable;

/// For answers under way at the end; with what is cancelled after it, well within the second that we promise.
constexpr std::chrono::milliseconds grace{500};

awaitable<void> serve(engine& heart, api_server& api, socks_server& proxy, stop_watch& stop,
                      std::function<awaitable<void>()> beside, std::string ready) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::scope clients(executor), work(executor);
  clients.spawn(api.run());
  // Before any network or TLS work: whoever waits for us may ask from now on.
  base::log(base::level::info, "{}", ready);
  base::notify_service("READY=1");
  base::give_back_memory();
  work.spawn(heart.run());
  work.spawn(proxy.run());
  if (beside) work.spawn(beside());
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

/// What the local proxy would do for a client of its own.
awaitable<net::result<net::stream_ptr>> open_best(engine& heart, tunnel_set& tunnels, wire::socks_destination to) {
  if (!heart.may_reach(to))
    co_return base::fail(base::outcome::proxy_failed, "not a peer of the list", base::stage::proxy);
  tunnel_request asked(std::move(to), {});
  auto opened = co_await tunnels.open(std::move(asked));
  if (!opened) co_return opened.error();
  co_return std::move(opened->stream);
}

std::set<uid_t> allowed_uids(const config::settings& settings) {
  std::set<uid_t> out(settings.sidecar.api_uids.begin(), settings.sidecar.api_uids.end());
  out.insert({0, ::geteuid()});
  return out;
}

socks_options proxy_options(const config::settings& settings) {
  const auto& from = settings.sidecar;
  return {from.socks, from.socks_open, allowed_uids(settings)};
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
  const auto& clock = base::system_clock();
  auto heart = engine::open(io.get_executor(), options.settings, clock, {.demo = options.demo});
  if (!heart) return complain(heart.error());
  auto socket = api_socket::listen(options.socket);
  if (!socket) return complain(socket.error());
  raise_descriptor_limit();
  auto tunnels = (*heart)->tunnels();
  auto proxy = socks_server::open(io.get_executor(), proxy_options(options.settings), tunnels,
                                  [&](const wire::socks_destination& to) { return (*heart)->may_reach(to); });
  if (!proxy) return complain(proxy.error());
  (*heart)->offer(**proxy);
  api_server api(io.get_executor(), socket->release(), **heart, (*heart)->events(), allowed_uids(options.settings));
  std::function<awaitable<void>()> beside;
  if (options.beside) {
    open_best_fn best = [&](wire::socks_destination to) { return open_best(**heart, tunnels, std::move(to)); };
    beside = [&options, best = std::move(best)] { return options.beside(best); };
  }
  auto serving = serve(**heart, api, **proxy, **stop, std::move(beside), ready_line(options, (*heart)->describe()));
  run_to_end(io, std::move(serving));
  return done;
}

} // namespace landfall::sidecar
