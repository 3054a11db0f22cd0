#include "sidecar/managed.hpp"

#include "base/log.hpp"
#include "config/paths.hpp"
#include "net/scope.hpp"
#include "ptclient/managed.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/failure.hpp"
#include "sidecar/routes.hpp"
#include "sidecar/stop.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace landfall::sidecar {

namespace {

using net::awaitable;

/// Until the parent has ended; then it is as if it had sent SIGTERM. By pidfd and not by PR_SET_PDEATHSIG, which means
/// the thread that started us: Arti's may end long before Arti.
awaitable<void> end_with_parent() {
  const auto executor = co_await net::asio::this_coro::executor;
  const pid_t parent = ::getppid();
  const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, parent, 0));
  if (descriptor >= 0 && ::getppid() == parent) {
    net::asio::posix::stream_descriptor watched(executor, descriptor);
    const auto [ec] = co_await watched.async_wait(net::asio::posix::stream_descriptor::wait_read, net::as_result);
    if (ec) co_return;
  } else if (descriptor >= 0) {
    ::close(descriptor); // it has ended meanwhile, and we have another
  } else {
    co_return; // no pidfd here, or a parent in another pid namespace: stdin has to do
  }
  std::raise(SIGTERM);
}

/// `best`: what is offered as the transport "landfall"; empty: it is not.
awaitable<void> serve(wire::pt_request asked, config::settings settings, open_best_fn best) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::scope parent(executor);
  parent.spawn(end_with_parent());
  if (asked.server) {
    co_await ptclient::serve_as_server(std::move(asked), base::system_clock(), ptclient::say_on_stdout());
  } else {
    transports through(executor, settings, base::system_clock());
    ptclient::more_transports more;
    if (best) more["landfall"] = [best](net::socks5_request request) { return best(std::move(request.to)); };
    co_await ptclient::serve_as_client(std::move(asked), std::move(settings), through.names, base::system_clock(),
                                       std::move(more), ptclient::say_on_stdout());
  }
  parent.cancel();
  co_await parent.join();
}

/// Without a sidecar: nothing but the transports.
awaitable<void> serve_alone(wire::pt_request asked, config::settings settings, stop_watch& stop) {
  net::scope serving(co_await net::asio::this_coro::executor);
  serving.spawn(serve(std::move(asked), std::move(settings), {}));
  net::scope stopping(co_await net::asio::this_coro::executor);
  std::string why;
  const auto wait = [](stop_watch& on, std::string& out, net::scope& poked) -> awaitable<void> {
    out = co_await on.wait();
    poked.poke();
  };
  stopping.spawn(wait(stop, why, serving));
  while (why.empty() && serving.running() > 0) co_await serving.wait();
  if (!why.empty()) base::log(base::level::info, "ending: {}", why);
  serving.cancel();
  stopping.cancel();
  co_await serving.join();
  co_await stopping.join();
}

} // namespace

std::optional<std::variant<wire::pt_request, wire::pt_refusal>> managed_request() {
  return wire::read_pt_request(config::process_environment());
}

int run_managed(std::variant<wire::pt_request, wire::pt_refusal> read, std::optional<run_options> sidecar) {
  if (const auto* refusal = std::get_if<wire::pt_refusal>(&read)) {
    const auto say = ptclient::say_on_stdout();
    for (const auto& line : refusal->lines) (void)say(line);
    return usage;
  }
  auto& asked = std::get<wire::pt_request>(read);
  if (sidecar && !asked.server) {
    sidecar->exit_on_stdin_close = asked.exit_on_stdin_close;
    // What goes out for the list goes out as the parent wants, too.
    if (!asked.proxy.reveal().empty()) sidecar->settings.sidecar.upstream_proxy = asked.proxy;
    const auto settings = sidecar->settings;
    sidecar->beside = [asked, settings](open_best_fn best) { return serve(asked, settings, std::move(best)); };
    return run_sidecar(std::move(*sidecar));
  }
  net::asio::io_context io(1);
  const auto stop = stop_watch::make(io.get_executor(), asked.exit_on_stdin_close);
  if (!stop) return complain(stop.error());
  config::settings settings;
  settings.sidecar.state = asked.state;
  settings.sidecar.upstream_proxy = asked.proxy;
  auto serving = serve_alone(std::move(asked), std::move(settings), **stop);
  run_to_end(io, std::move(serving));
  return done;
}

} // namespace landfall::sidecar
