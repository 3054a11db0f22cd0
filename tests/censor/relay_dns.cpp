// One UDP place: each query is shown to the engine; forged answers are sent when they are due, the true one is fetched
// from upstream and shown too.
#include "net/deadline.hpp"
#include "tests/censor/relay_line.hpp"

#include <boost/asio/buffer.hpp>

#include <array>

namespace landfall::censor::detail {

using net::as_result;
using net::awaitable;
using net::error_code;
using udp = net::asio::ip::udp;

namespace {

constexpr std::size_t largest = 4096;       ///< EDNS answers are below
constexpr std::size_t most_queries = 64;    ///< at a time
constexpr std::chrono::seconds patience{5}; ///< for the true answer

awaitable<void> send_later(udp::socket& entrance, udp::endpoint client, std::string message, nanoseconds after) {
  const auto waited = co_await net::sleep_for(after);
  if (!waited) co_return;
  (void)co_await entrance.async_send_to(net::asio::buffer(message), client, as_result);
}

awaitable<net::result<std::string>> ask(udp::endpoint upstream, std::string query) {
  udp::socket socket(co_await net::asio::this_coro::executor);
  error_code ec;
  socket.open(upstream.protocol(), ec);
  if (!ec) socket.connect(upstream, ec);
  if (ec) co_return net::failure_of(ec, base::stage::resolve);
  (void)co_await socket.async_send(net::asio::buffer(query), as_result);
  std::string answer(largest, '\0');
  const auto [failed, size] = co_await socket.async_receive(net::asio::buffer(answer), as_result);
  if (failed) co_return net::failure_of(failed, base::stage::resolve);
  answer.resize(size);
  co_return answer;
}

awaitable<void> answer(udp::socket& entrance, udp::endpoint client, std::string query, relay_place place,
                       relay_mind& mind) {
  observation seen;
  seen.flow = {relay_mind::client(client.port()), place.stands_for, transport::udp};
  seen.bytes = seen.fresh = query;
  const auto decided = mind.decide(seen);
  net::scope answers(co_await net::asio::this_coro::executor);
  for (const auto& one : decided.answers) answers.spawn(send_later(entrance, client, one.message, one.after));
  if (!decided.drop) {
    const udp::endpoint upstream(place.upstream.address(), place.upstream.port());
    auto asking = ask(upstream, std::move(query));
    auto told = co_await net::with_deadline(std::move(asking), patience, base::stage::resolve);
    seen.up = false;
    seen.bytes = seen.fresh = told ? std::string_view(*told) : std::string_view();
    if (told && !mind.decide(seen).drop) {
      // Forged answers come from nearer by: a true one that is quicker here would not be on the wire.
      nanoseconds last = mind.half_way() * 2;
      for (const auto& one : decided.answers) last = std::max(last, one.after + std::chrono::milliseconds(1));
      answers.spawn(send_later(entrance, client, std::move(*told), last));
    }
  }
  co_await answers.join();
}

} // namespace

awaitable<void> serve_dns(udp::socket& entrance, relay_place place, relay_mind& mind) {
  net::scope queries(entrance.get_executor());
  for (;;) {
    std::string query(largest, '\0');
    udp::endpoint client;
    const auto [ec, size] = co_await entrance.async_receive_from(net::asio::buffer(query), client, as_result);
    if (ec == net::asio::error::connection_refused) continue; // ICMP: a client that was gone when its answer came
    if (ec) break;
    query.resize(size);
    if (queries.running() < most_queries) queries.spawn(answer(entrance, client, std::move(query), place, mind));
  }
  queries.cancel();
  co_await queries.join();
}

} // namespace landfall::censor::detail
