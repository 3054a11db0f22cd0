#include "ptclient/socks_service.hpp"

#include "net/deadline.hpp"
#include "net/relay.hpp"
#include "net/while_there.hpp"

#include <utility>

namespace landfall::ptclient {

using base::fail;
using base::outcome;
using tcp = asio::ip::tcp;

namespace {

constexpr std::chrono::seconds handshake_limit{10};    ///< a client on this machine takes milliseconds
constexpr std::chrono::milliseconds out_of_files{100}; ///< the pause when no descriptor is left
/// Tor keeps its connections to bridges open for hours, and pads them.
constexpr net::relay_limits idle{std::chrono::hours(1)};

} // namespace

socks_service::socks_service(tcp::acceptor listening, wire::socks_policy policy, open_fn open)
    : listening_(std::move(listening)), policy_(std::move(policy)), open_(std::move(open)) {}

result<std::unique_ptr<socks_service>> socks_service::listen(asio::any_io_executor executor, wire::socks_policy policy,
                                                             open_fn open) {
  tcp::acceptor listening(executor);
  net::error_code ec;
  listening.open(tcp::v4(), ec);
  if (!ec) listening.bind({asio::ip::address_v4::loopback(), 0}, ec);
  if (!ec) listening.listen(asio::socket_base::max_listen_connections, ec);
  const auto at = ec ? tcp::endpoint() : listening.local_endpoint(ec);
  if (ec) return fail(outcome::local_error, "cannot listen on 127.0.0.1: " + ec.message());
  std::unique_ptr<socks_service> out(new socks_service(std::move(listening), std::move(policy), std::move(open)));
  out->port_ = at.port();
  return out;
}

awaitable<void> socks_service::run() {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await asio::this_coro::executor;
  net::scope clients(executor);
  for (;;) {
    tcp::socket client(executor);
    const auto [ec] = co_await listening_.async_accept(client, net::as_result);
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) break;
    if (ec) {
      (void)co_await net::sleep_for(out_of_files);
      continue;
    }
    net::error_code ignored;
    client.set_option(tcp::no_delay(true), ignored);
    clients.spawn(serve(net::as_stream(std::move(client))));
    while (clients.running() >= max_connections) {
      co_await clients.wait();
      const bool stop = co_await net::was_cancelled();
      if (stop) break;
    }
  }
  net::error_code ignored;
  listening_.close(ignored);
  clients.cancel();
  co_await clients.join();
}

awaitable<void> socks_service::serve(net::stream_ptr client) {
  auto accepting = net::socks5_accept(*client, policy_);
  auto asked = co_await net::with_deadline(std::move(accepting), handshake_limit, base::stage::proxy);
  if (!asked) co_return; // it has been told
  auto early = std::move(asked->early);
  auto opening = net::while_there(*client, early, open_(std::move(*asked)));
  auto far = co_await std::move(opening);
  if (!far && far.error().what == outcome::cancelled) co_return; // nobody is there to be answered
  const auto code = far ? wire::socks_reply::succeeded : wire::reply_for(far.error().what);
  auto replied = co_await net::socks5_reply(*client, code);
  if (!far || !replied) co_return;
  if (!early.empty()) {
    auto sent = co_await (*far)->write(asio::buffer(early));
    if (!sent) co_return;
  }
  auto limits = idle;
  (void)co_await net::relay(*client, **far, limits);
}

} // namespace landfall::ptclient
