#include "sidecar/demo_censor.hpp"

#include "net/deadline.hpp"
#include "net/relay.hpp"
#include "net/scope.hpp"
#include "net/socket.hpp"

#include <boost/asio/buffer.hpp>

#include <array>

namespace landfall::sidecar {

using net::as_result;
using net::awaitable;
using tcp = net::asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds long_way{150};
constexpr std::size_t most_connections = 16; ///< of one way; the sidecar opens one or two

awaitable<void> go_the_long_way(tcp::socket& client, tcp::endpoint server) {
  const auto rested = co_await net::sleep_for(long_way);
  if (!rested) co_return;
  auto far = co_await net::dial(server, net::socket_options());
  if (!far) co_return;
  const auto relayed = co_await net::relay(client, *far);
  (void)relayed;
}

awaitable<void> interfere(tcp::socket client, interference what, tcp::endpoint server) {
  net::error_code ignored, ec;
  if (what == interference::delay) co_await go_the_long_way(client, std::move(server));
  std::array<char, 4096> thrown_away{};
  while (what != interference::delay && !ec) {
    ec = std::get<0>(co_await client.async_read_some(net::asio::buffer(thrown_away), as_result));
    if (what == interference::silence) continue;
    client.set_option(tcp::socket::linger(true, 0), ignored); // close() then sends RST
    break;
  }
  client.close(ignored);
}

} // namespace

std::string_view explain(interference what) noexcept {
  switch (what) {
  case interference::silence: return "the censor lets the connection stand and drops everything after the ClientHello";
  case interference::reset: return "the censor resets it once it has seen the ClientHello";
  case interference::delay: return "nobody interferes; it is the long way round";
  }
  return {};
}

net::result<std::unique_ptr<demo_way>> demo_way::open(net::asio::any_io_executor executor, interference what,
                                                      net::asio::ip::address_v4 address, tcp::endpoint server) {
  std::unique_ptr<demo_way> made(new demo_way(executor, what, std::move(server)));
  auto& entrance = made->entrance_;
  net::error_code ec;
  entrance.open(tcp::v4(), ec);
  if (!ec) entrance.bind({address, 0}, ec);
  if (!ec) entrance.listen(net::asio::socket_base::max_listen_connections, ec);
  if (!ec) made->port_ = entrance.local_endpoint(ec).port();
  if (ec) return base::fail(base::outcome::local_error, "no free port on loopback: " + ec.message());
  return made;
}

awaitable<void> demo_way::run() {
  net::scope connections(co_await net::asio::this_coro::executor);
  for (;;) {
    auto [ec, client] = co_await entrance_.async_accept(as_result);
    if (ec) break;
    if (connections.running() < most_connections) connections.spawn(interfere(std::move(client), what_, server_));
  }
  connections.cancel();
  co_await connections.join();
}

} // namespace landfall::sidecar
