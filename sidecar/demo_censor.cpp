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

/// Reads and throws away, once or until the client leaves.
awaitable<void> swallow(tcp::socket& client, bool once) {
  std::array<char, 4096> bytes{};
  for (;;) {
    const auto [ec, size] = co_await client.async_read_some(net::asio::buffer(bytes), as_result);
    (void)size;
    if (ec || once) co_return;
  }
}

awaitable<void> go_the_long_way(tcp::socket& client, tcp::endpoint server) {
  const auto rested = co_await net::sleep_for(long_way);
  if (!rested) co_return;
  auto far = co_await net::dial(server, net::socket_options());
  if (!far) co_return;
  const auto relayed = co_await net::relay(client, *far);
  (void)relayed;
}

awaitable<void> interfere(tcp::socket client, interference what, tcp::endpoint server) {
  net::error_code ignored;
  switch (what) {
  case interference::silence: co_await swallow(client, false); break;
  case interference::reset:
    co_await swallow(client, true);
    client.set_option(tcp::socket::linger(true, 0), ignored); // close() then sends RST
    break;
  case interference::delay: co_await go_the_long_way(client, server); break;
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

net::result<std::uint16_t> demo_censor::open_way(interference what, tcp::endpoint server) {
  auto made = std::make_unique<way>(way{what, std::move(server), tcp::acceptor(executor_)});
  net::error_code ec;
  made->entrance.open(tcp::v4(), ec);
  if (!ec) made->entrance.bind({net::asio::ip::address_v4::loopback(), 0}, ec);
  if (!ec) made->entrance.listen(net::asio::socket_base::max_listen_connections, ec);
  const auto at = ec ? tcp::endpoint() : made->entrance.local_endpoint(ec);
  if (ec) return base::fail(base::outcome::local_error, "no free port on loopback: " + ec.message());
  ways_.push_back(std::move(made));
  return at.port();
}

awaitable<void> demo_censor::run() {
  net::scope all(executor_);
  for (auto& one : ways_) all.spawn(serve(*one));
  co_await all.join();
}

awaitable<void> demo_censor::serve(way& one) {
  net::scope connections(executor_);
  for (;;) {
    auto [ec, client] = co_await one.entrance.async_accept(as_result);
    if (ec) break;
    if (connections.running() < most_connections) connections.spawn(interfere(std::move(client), one.what, one.server));
  }
  connections.cancel();
  co_await connections.join();
}

} // namespace landfall::sidecar
