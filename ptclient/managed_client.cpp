#include "net/live.hpp"
#include "ptclient/managed.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace landfall::ptclient {

using base::fail;
using base::outcome;
using base::stage;

namespace {

/// A SOCKS request as the bridge line that it is.
result<config::bridge_line> line_of(std::string transport, const net::socks5_request& asked) {
  config::bridge_line out;
  out.transport = std::move(transport);
  if (asked.said) {
    auto arguments = wire::parse_pt_arguments(wire::arguments_of(*asked.said));
    if (!arguments) return arguments.error();
    out.arguments = base::sensitive(std::move(*arguments));
  }
  auto address = config::ip_address::parse(asked.to.host_text());
  // webtunnel goes by its arguments, so a name is as good as any placeholder; it is never resolved.
  if (!address && out.transport == "webtunnel") address = config::ip_address::parse("192.0.2.1");
  if (!address || asked.to.port == 0) return fail(outcome::malformed, "a bridge is named by its address", stage::proxy);
  out.where = base::sensitive(config::address_and_port{*address, asked.to.port});
  return out;
}

awaitable<result<net::stream_ptr>> open_bridge(bridges& all, std::string transport, net::socks5_request asked) {
  auto line = line_of(std::move(transport), asked);
  if (!line) co_return line.error();
  co_return co_await all.open(std::move(*line));
}

} // namespace

say_fn say_on_stdout() {
  return [](std::string_view line) {
    std::string text(line);
    text += '\n';
    ssize_t written = 0;
    do written = ::write(STDOUT_FILENO, text.data(), text.size()); // below PIPE_BUF: whole or not at all
    while (written < 0 && errno == EINTR);
    return written == static_cast<ssize_t>(text.size());
  };
}

awaitable<void> serve_as_client(wire::pt_request asked, config::settings settings, http::resolver& names,
                                const base::clock& clock, more_transports more, say_fn say) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await asio::this_coro::executor;
  say("VERSION 1");
  if (!asked.proxy.reveal().empty()) {
    if (!upstream_of(asked.proxy.reveal())) {
      say("PROXY-ERROR write socks5://ADDRESS:PORT or http://ADDRESS:PORT");
      co_return;
    }
    settings.sidecar.upstream_proxy = asked.proxy;
    say("PROXY DONE");
  }
  settings.transports.clear(); // a program of ours could offer what we were asked for, but then the parent can start it
  bridges all(executor, settings, names, clock);
  std::vector<std::unique_ptr<socks_service>> services;
  for (const auto& name : asked.names) {
    const auto other = more.find(name);
    if (!is_native(name) && other == more.end()) continue;
    socks_service::open_fn open = [&all, name](net::socks5_request request) {
      return open_bridge(all, name, std::move(request));
    };
    if (other != more.end()) open = other->second;
    wire::socks_policy policy;
    policy.how = wire::socks_policy::auth::arguments;
    auto service = socks_service::listen(executor, std::move(policy), std::move(open));
    if (!service) {
      say(fmt::format("CMETHOD-ERROR {} cannot listen", name));
      continue;
    }
    say(fmt::format("CMETHOD {} socks5 127.0.0.1:{}", name, (*service)->port()));
    services.push_back(std::move(*service));
  }
  say("CMETHODS DONE");
  net::scope serving(executor);
  serving.spawn(all.run());
  for (const auto& service : services) serving.spawn(service->run());
  co_await net::live(serving);
}

} // namespace landfall::ptclient
