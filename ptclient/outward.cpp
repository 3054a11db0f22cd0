#include "ptclient/outward.hpp"

#include "config/endpoint.hpp"
#include "config/host.hpp"
#include "net/deadline.hpp"
#include "net/http_connect.hpp"

#include <boost/url.hpp>

#include <utility>

namespace landfall::ptclient {

using base::fail;
using base::failure;
using base::outcome;
using base::stage;
namespace urls = boost::urls;
using tcp = asio::ip::tcp;

namespace {

std::optional<asio::ip::address> address_in(const wire::socks_destination& to) {
  if (to.kind == wire::socks_host::name) return std::nullopt;
  net::error_code ec;
  const auto out = asio::ip::make_address(to.host_text(), ec);
  if (ec) return std::nullopt;
  return out;
}

awaitable<result<net::stream_ptr>> connect(tcp::endpoint to, outward how, net::progress_fn tell) {
  auto dialling = net::dial(to, how.socket);
  auto socket = co_await net::with_deadline(std::move(dialling), how.connect, stage::connect);
  if (!socket) co_return socket.error();
  if (tell) tell(stage::connect);
  co_return net::as_stream(std::move(*socket));
}

/// `answered`: whether what it ends with is the proxy's word.
awaitable<result<net::stream_ptr>> ask(net::stream_ptr proxy, wire::socks_destination to, http::proxy with,
                                       bool& answered) {
  std::optional<wire::socks_credentials> credentials;
  if (!with.user.reveal().empty()) credentials = wire::socks_credentials{with.user, with.password};
  if (with.kind == http::proxy_kind::http) {
    auto asked = co_await net::http_connect(std::move(proxy), std::move(to), std::move(credentials));
    answered = true;
    co_return asked;
  }
  auto asked = co_await net::socks5_connect(*proxy, std::move(to), std::move(credentials), wire::socks_offer::if_asked);
  answered = true;
  if (!asked) co_return asked.error();
  co_return std::move(proxy);
}

/// Whatever breaks on the way to and in the proxy is the proxy's, but for what it says of the destination.
failure of_proxy(failure why) {
  const bool about_destination =
      why.at == stage::proxy &&
      (why.what == outcome::refused || why.what == outcome::unreachable || why.what == outcome::timed_out);
  if (!about_destination && why.what != outcome::cancelled) why.what = outcome::proxy_failed;
  why.at = stage::proxy;
  why.where.reset();
  return why;
}

awaitable<result<net::stream_ptr>> through(wire::socks_destination to, outward how, http::resolver& names,
                                           net::progress_fn tell) {
  auto looking = names.resolve(how.upstream->host);
  auto addresses = co_await net::with_deadline(std::move(looking), how.connect, stage::resolve);
  if (!addresses) co_return addresses.error();
  const tcp::endpoint where(addresses->front(), how.upstream->port);
  auto stream = co_await connect(where, how, tell);
  if (!stream) co_return stream.error();
  bool answered = false;
  auto asking = ask(std::move(*stream), std::move(to), *how.upstream, answered);
  auto asked = co_await net::with_deadline(std::move(asking), how.proxy, stage::proxy);
  if (!asked && !answered && asked.error().what == outcome::timed_out)
    co_return fail(outcome::proxy_failed, "the proxy does not answer", stage::proxy);
  if (!asked) co_return asked.error();
  // Who is asked first speaks second: bytes behind the answer to CONNECT would be nobody's.
  if ((*asked)->plain() == nullptr)
    co_return fail(outcome::proxy_failed, "it said more than it was asked", stage::proxy);
  if (tell) tell(stage::proxy);
  co_return std::move(*asked);
}

} // namespace

wire::socks_destination destination_of(const tcp::endpoint& to) {
  auto parsed = wire::socks_destination::parse(to.address().to_string(), to.port());
  return parsed ? std::move(*parsed) : wire::socks_destination{};
}

awaitable<result<net::stream_ptr>> reach(wire::socks_destination to, outward how, http::resolver& names,
                                         net::progress_fn tell) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (how.upstream) {
    auto stream = co_await through(std::move(to), std::move(how), names, std::move(tell));
    if (!stream) co_return of_proxy(stream.error());
    co_return std::move(*stream);
  }
  const auto address = address_in(to);
  if (!address) co_return fail(outcome::local_error, "a name where an address is needed", stage::connect);
  const tcp::endpoint where(*address, to.port);
  auto stream = co_await connect(where, std::move(how), std::move(tell));
  if (stream) co_return std::move(*stream);
  auto why = std::move(stream).error();
  why.where = base::place{address->to_string(), to.port, {}};
  co_return why;
}

result<http::proxy> upstream_of(std::string_view text) {
  const auto wrong =
      fail(outcome::malformed, "the proxy is none of socks5://HOST:PORT and http://HOST:PORT", stage::proxy);
  const auto parsed = urls::parse_uri(text);
  const auto host = config::host_of_url(text);
  if (!parsed || !host) return wrong;
  const auto port = config::parse_port(std::string_view(parsed->port().data(), parsed->port().size()));
  const bool http = parsed->scheme() == "http";
  if (!port || (!http && parsed->scheme() != "socks5")) return wrong;
  return http::proxy{http ? http::proxy_kind::http : http::proxy_kind::socks5, *host, *port,
                     base::sensitive(std::string(parsed->user())), base::sensitive(std::string(parsed->password()))};
}

} // namespace landfall::ptclient
