// One connection through the censor: what each side sends is shown to the engine and then passed on, late, in part, or
// not at all.
#include "net/deadline.hpp"
#include "net/socket.hpp"
#include "tests/censor/relay_line.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <array>

namespace landfall::censor::detail {

using net::as_result;
using net::awaitable;
using net::error_code;
using tcp = net::asio::ip::tcp;

namespace {

/// Small, so that limits in bytes and throttling have the grain of packets.
constexpr std::size_t piece = 1400;

struct connection {
  tcp::socket client, server;
  flow_key flow;
  relay_mind& mind;
  bool reset = false; ///< both ends have been told, as an RST tells it
  std::array<nanoseconds, 2> moved{nanoseconds::min(), nanoseconds::min()}; ///< when a direction last passed a piece
};

void reset_both(connection& self) {
  error_code ignored;
  self.reset = true;
  for (auto* socket : {&self.client, &self.server}) {
    socket->set_option(tcp::socket::linger(true, 0), ignored); // close() then sends RST
    socket->close(ignored);
  }
}

decision show(connection& self, bool up, kind what, std::string_view bytes) {
  observation seen;
  seen.flow = self.flow;
  seen.up = up;
  seen.what = what;
  seen.bytes = seen.fresh = bytes;
  return self.mind.decide(seen);
}

/// Until `when` on the engine's clock. False when cancelled.
awaitable<bool> wait_until(relay_mind& mind, nanoseconds when) {
  if (when <= mind.now()) co_return true;
  const auto waited = co_await net::sleep_for(when - mind.now());
  co_return waited.has_value();
}

/// When a piece has come half the way round. Pieces in a row travel together; the first one of the client waits for the
/// handshake too, which the kernel on loopback did in no time.
nanoseconds due(connection& self, bool up, nanoseconds arrived) {
  auto& moved = self.moved[up ? 1 : 0];
  const bool first = moved == nanoseconds::min(), follows = !first && arrived - moved < self.mind.half_way();
  const auto out = follows ? std::max(arrived, moved) : arrived + self.mind.half_way() * (first && up ? 3 : 1);
  moved = out;
  return out;
}

/// What one side sent is passed on as decided. False when nothing more can pass.
awaitable<bool> pass_on(connection& self, bool up, std::string_view bytes, nanoseconds arrived) {
  const auto decided = show(self, up, kind::data, bytes);
  if (decided.reset) {
    reset_both(self);
    co_return false;
  }
  const bool waited = co_await wait_until(self.mind, std::max(decided.depart, due(self, up, arrived)));
  if (!waited) co_return false;
  if (decided.drop) bytes = bytes.substr(0, decided.pass);
  if (bytes.empty()) co_return true;
  auto& to = up ? self.server : self.client;
  const auto [ec, sent] = co_await net::asio::async_write(to, net::asio::buffer(bytes), as_result);
  co_return !ec;
}

awaitable<void> pump(connection& self, bool up) {
  auto& from = up ? self.client : self.server;
  auto& to = up ? self.server : self.client;
  std::array<char, piece> buffer{};
  for (bool going = true; going;) {
    const auto [ec, size] = co_await from.async_read_some(net::asio::buffer(buffer), as_result);
    if (self.reset) co_return;
    if (ec) {
      const auto decided = show(self, up, kind::end, {});
      error_code ignored; // the other end may be gone already
      to.shutdown(tcp::socket::shutdown_send, ignored);
      if (decided.drop)
        to.close(ignored); // on the wire the far end would wait for its own time-out; a relay has few places
      co_return;
    }
    going = co_await pass_on(self, up, std::string_view(buffer.data(), size), self.mind.now());
  }
}

/// A connection that is to stay silent: what comes is thrown away until the client gives up.
awaitable<void> swallow(tcp::socket& client) {
  std::array<char, piece> buffer{};
  for (error_code ec; !ec;) ec = std::get<0>(co_await client.async_read_some(net::asio::buffer(buffer), as_result));
}

} // namespace

awaitable<void> serve_stream(tcp::socket client, relay_place place, relay_mind& mind) {
  const auto executor = co_await net::asio::this_coro::executor;
  error_code ec;
  const auto port = client.remote_endpoint(ec).port();
  connection self{
      std::move(client), tcp::socket(executor), {relay_mind::client(port), place.stands_for, transport::tcp}, mind};
  auto opened = show(self, true, kind::open, {});
  if (!opened.drop && !opened.reset) opened = show(self, false, kind::opened, {});
  if (opened.reset) reset_both(self);
  if (opened.drop) co_await swallow(self.client);
  if (opened.reset || opened.drop) co_return;
  auto far = co_await net::dial(place.upstream, net::socket_options());
  if (!far) co_return;
  self.server = std::move(*far);
  self.client.set_option(tcp::no_delay(true), ec);
  net::scope directions(executor);
  directions.spawn(pump(self, true));
  directions.spawn(pump(self, false));
  co_await directions.join();
  // A connection that ended by itself must still count as ended where a direction was frozen.
  (void)show(self, true, kind::end, {});
}

} // namespace landfall::censor::detail
