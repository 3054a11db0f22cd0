#include "ptclient/webtunnel.hpp"

#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "net/http_connect.hpp"
#include "ptclient/tls_stream.hpp"

#include <array>
#include <utility>

namespace landfall::ptclient {

using base::fail;
using base::outcome;
using base::stage;
using tcp = asio::ip::tcp;

namespace {

awaitable<result<std::string>> upgrade(net::stream& on, std::string request) {
  auto sent = co_await on.write(asio::buffer(request));
  if (!sent) co_return sent.error();
  wire::http_head_reader reader;
  std::array<char, 2048> some{};
  for (;;) {
    auto size = co_await on.read_some(asio::buffer(some));
    if (!size) co_return size.error();
    if (*size == 0) co_return fail(outcome::malformed, "the server ended without an answer", stage::handshake);
    auto complete = reader.take({some.data(), *size});
    if (!complete) co_return complete.error();
    if (*complete) break;
  }
  if (auto good = check_webtunnel(reader.head()); !good) co_return good.error();
  co_return std::move(reader).rest();
}

/// Where to connect, in the order to try; with a proxy the name itself.
awaitable<result<std::vector<wire::socks_destination>>>
places_of(webtunnel_target to, bool proxied, http::resolver& names, std::chrono::milliseconds limit) {
  std::vector<wire::socks_destination> out;
  if (proxied || to.address) {
    auto one = wire::socks_destination::parse(to.address ? to.address->reveal() : to.host.reveal(), to.port);
    if (!one) co_return one.error();
    out.push_back(std::move(*one));
    co_return out;
  }
  auto looking = names.resolve(to.host.reveal());
  auto found = co_await net::with_deadline(std::move(looking), limit, stage::resolve);
  if (!found) co_return found.error();
  for (const auto& address : *found) out.push_back(destination_of(tcp::endpoint(address, to.port)));
  co_return out;
}

/// One after the other, and few: a name with a dozen dead addresses must not eat the lane's time.
constexpr std::size_t max_places = 3;

} // namespace

awaitable<result<net::stream_ptr>> open_webtunnel(webtunnel_target to, outward how, http::resolver& names,
                                                  net::progress_fn tell, webtunnel_limits limits) {
  co_await asio::this_coro::throw_if_cancelled(false);
  auto places = co_await places_of(to, how.upstream.has_value(), names, limits.resolve);
  if (!places) co_return places.error();
  result<net::stream_ptr> stream = fail(outcome::unreachable, "no address", stage::resolve);
  for (std::size_t i = 0; i < std::min(places->size(), max_places); ++i) {
    stream = co_await reach((*places)[i], how, names, tell);
    if (stream || stream.error().what == outcome::cancelled) break;
  }
  if (!stream) co_return stream.error();
  http::tls_rules rules;
  rules.host = to.name.reveal();
  auto securing = start_tls(std::move(*stream), std::move(rules));
  auto secured = co_await net::with_deadline(std::move(securing), limits.tls, stage::tls);
  if (!secured && secured.error().what == outcome::timed_out)
    co_return fail(outcome::stalled_after_hello, "silence after the ClientHello", stage::tls);
  if (!secured) co_return secured.error();
  if (tell) tell(stage::tls);
  auto asking = upgrade(**secured, webtunnel_request(to, crypto::random_bytes(16)));
  auto first = co_await net::with_deadline(std::move(asking), limits.answer, stage::handshake);
  if (!first) co_return first.error();
  if (tell) tell(stage::handshake);
  co_return net::prefixed(std::move(*first), std::move(*secured));
}

} // namespace landfall::ptclient
