#include "ptclient/obfs4_server.hpp"

#include "net/deadline.hpp"
#include "ptclient/obfs4_stream.hpp"
#include "ptclient/random.hpp"
#include "wire/obfs4_handshake.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace landfall::ptclient {

namespace {
namespace asio = net::asio;
using base::fail;
using base::outcome;
using base::stage;
using verdict = wire::obfs4_server_handshake::verdict;

std::array<std::uint8_t, 16> random_key() {
  std::array<std::uint8_t, 16> out{};
  const auto bytes = crypto::random_bytes(out.size());
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

base::failure refused() {
  return fail(outcome::bridge_bad_auth, "somebody who does not know this bridge", stage::handshake);
}

/// Until it is clear who this is. `from` outlives it.
net::awaitable<net::result<void>> hear(std::shared_ptr<obfs4_server> server, net::stream& from,
                                       wire::obfs4_server_handshake& shake) {
  std::string buffer;
  for (auto said = verdict::more; said == verdict::more;) {
    auto waiting = from.readable(); // ten thousand that say nothing hold no buffers
    auto waited = co_await std::move(waiting);
    if (!waited) co_return waited.error();
    buffer.resize(wire::obfs4_max_handshake + 1);
    auto reading = from.read_some(asio::buffer(buffer.data(), shake.room() + 1));
    const auto got = co_await std::move(reading);
    if (!got) co_return got.error();
    if (*got == 0) co_return fail(outcome::reset_before_hello, "left within the handshake", stage::handshake);
    said = shake.feed(std::string_view(buffer).substr(0, *got), server->clock.wall(), server->clock.steady(),
                      server->seen);
    std::string().swap(buffer);
    if (said == verdict::refused) co_return refused();
  }
  co_return net::result<void>{};
}

/// Reads and drops, until the other side ends.
net::awaitable<net::result<void>> drain(net::stream& from) {
  std::array<char, 1024> dropped;
  for (;;) {
    auto reading = from.read_some(asio::buffer(dropped));
    const auto got = co_await std::move(reading);
    if (!got) co_return got.error();
    if (*got == 0) co_return net::result<void>{};
  }
}

net::awaitable<net::result<net::stream_ptr>> answer(std::shared_ptr<obfs4_server> server, net::stream_ptr from,
                                                    wire::obfs4_server_handshake::answer answered) {
  const auto& who = server->who;
  wire::obfs4_session session(answered.keys, wire::obfs4_side::server, who.open.iat, random_seed(), server->shape);
  const auto response = answered.bytes + session.seed_frame(who.shape);
  auto writing = from->write(asio::buffer(response));
  auto written = co_await std::move(writing);
  if (!written) co_return written.error();
  co_return obfs4_stream::over(std::move(from), std::move(session), {});
}
} // namespace

obfs4_server::obfs4_server(wire::obfs4_identity identity, std::shared_ptr<obfs4_keys> pool, const base::clock& time)
    : who(std::move(identity)), shape(std::make_shared<const wire::obfs4_shape>(who.shape)), seen(random_key()),
      keys(std::move(pool)), clock(time) {}

net::awaitable<net::result<net::stream_ptr>> obfs4_accept(std::shared_ptr<obfs4_server> server, net::stream_ptr from) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto opened = server->clock.steady();
  const auto patience = wire::obfs4_patience::of(opened, server->who);
  wire::obfs4_server_handshake shake(server->who);
  auto hearing = hear(server, *from, shake);
  auto limited = net::with_deadline(std::move(hearing), patience.answer_until - opened, stage::handshake);
  auto heard = co_await std::move(limited);
  if (heard) {
    const auto padding = random_padding(0, wire::obfs4_max_response_padding);
    auto answered = shake.answer_with(server->keys->take(), padding);
    if (answered) {
      auto answering = answer(server, std::move(from), std::move(*answered));
      auto stream = co_await std::move(answering);
      if (!stream) co_return stream.error();
      co_return std::move(*stream);
    }
    heard = refused();
  }
  if (heard.error().what != outcome::timed_out && heard.error().what != outcome::bridge_bad_auth)
    co_return heard.error();
  auto draining = drain(*from);
  auto patient = net::with_deadline(std::move(draining), patience.close_at - server->clock.steady(), stage::handshake);
  auto drained = co_await std::move(patient);
  from->close();
  if (!drained && drained.error().what == outcome::cancelled) co_return drained.error();
  co_return refused();
}

} // namespace landfall::ptclient
