#include "ptclient/obfs4_client.hpp"

#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "ptclient/obfs4_stream.hpp"
#include "wire/obfs4_handshake.hpp"

#include <algorithm>
#include <utility>

namespace landfall::ptclient {

namespace {
namespace asio = net::asio;
using base::fail;
using base::outcome;
using base::stage;

/// Until the server has answered. Its failures are about this bridge.
net::awaitable<net::result<net::stream_ptr>> shake_hands(wire::obfs4_bridge bridge, crypto::hidden_key_pair pair,
                                                         net::stream_ptr below, std::int64_t hour) {
  constexpr auto least = wire::obfs4_min_request_padding, most = wire::obfs4_max_request_padding;
  const auto padding = crypto::random_bytes(least + crypto::random_below(most - least + 1));
  wire::obfs4_client_handshake shake(bridge, std::move(pair), padding, hour);
  auto asking = below->write(asio::buffer(shake.request()));
  auto asked = co_await std::move(asking);
  std::string buffer(asked ? wire::obfs4_max_handshake : 0, '\0');
  for (bool done = false; !done;) {
    if (!asked) co_return asked.error();
    auto reading = below->read_some(asio::buffer(buffer.data(), std::min(buffer.size(), shake.room())));
    const auto got = co_await std::move(reading);
    if (!got) co_return got.error();
    if (*got == 0) co_return fail(outcome::bridge_silent, "it closed the connection unanswered", stage::handshake);
    const auto fed = shake.feed(std::string_view(buffer).substr(0, *got));
    if (!fed) co_return fed.error();
    done = *fed;
  }
  wire::obfs4_session session(shake.take_keys(), wire::obfs4_side::client, bridge.iat, crypto::random_array<24>());
  co_return obfs4_stream::over(std::move(below), std::move(session), shake.rest());
}

/// A stream's failures are those of a body; here they are of the handshake, after our first bytes.
base::failure as_handshake(base::failure failed) {
  if (failed.what == outcome::timed_out && failed.at == stage::handshake) {
    failed.what = outcome::bridge_silent;
    failed.detail = "no answer: " + failed.detail;
  }
  if (failed.what == outcome::reset_before_hello) failed.what = outcome::reset_after_hello;
  failed.at = stage::handshake;
  return failed;
}
} // namespace

net::awaitable<net::result<net::stream_ptr>> obfs4_connect(wire::obfs4_bridge bridge, dialer dial,
                                                           std::shared_ptr<obfs4_keys> keys, const base::clock& clock,
                                                           std::chrono::milliseconds limit) {
  co_await asio::this_coro::throw_if_cancelled(false);
  auto pair = keys->take();
  auto dialling = dial();
  auto below = co_await std::move(dialling);
  if (!below) co_return below.error();
  auto shaking = shake_hands(bridge, std::move(pair), std::move(*below), wire::obfs4_hour(clock.wall()));
  auto limited = net::with_deadline(std::move(shaking), limit, stage::handshake);
  auto done = co_await std::move(limited);
  if (!done) co_return as_handshake(done.error());
  co_return std::move(*done);
}

} // namespace landfall::ptclient
