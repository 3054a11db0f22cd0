#include "sidecar/tunnel.hpp"

#include "config/settings.hpp"
#include "net/deadline.hpp"
#include "net/http_connect.hpp"
#include "net/socket.hpp"
#include "net/socks5.hpp"

#include <algorithm>
#include <cstring>

namespace landfall::sidecar {

using base::outcome;
using base::stage;
using net::awaitable;
using net::result;
using net::stream_ptr;
using tcp = net::asio::ip::tcp;

namespace {

/// A handshake of its own, and the way behind it.
constexpr std::chrono::seconds bridge_limit{30};

tcp::endpoint endpoint_of(const wire::socks_destination& to) {
  const auto& bytes = to.host.reveal();
  if (to.kind == wire::socks_host::ipv4) {
    net::asio::ip::address_v4::bytes_type raw{};
    std::memcpy(raw.data(), bytes.data(), std::min(raw.size(), bytes.size()));
    return {net::asio::ip::address_v4(raw), to.port};
  }
  net::asio::ip::address_v6::bytes_type raw{};
  std::memcpy(raw.data(), bytes.data(), std::min(raw.size(), bytes.size()));
  return {net::asio::ip::address_v6(raw), to.port};
}

awaitable<result<stream_ptr>> dial_stream(tcp::endpoint to, net::socket_options sockets) {
  auto socket = co_await net::dial(std::move(to), std::move(sockets));
  if (!socket) co_return std::move(socket).error();
  co_return net::as_stream(std::move(*socket));
}

/// The proxy's own addresses, one after the other.
awaitable<result<stream_ptr>> dial_proxy(std::string host, std::uint16_t port, http::resolver& names,
                                         net::socket_options sockets) {
  net::error_code ec;
  std::vector<net::asio::ip::address> addresses{net::asio::ip::make_address(host, ec)};
  if (ec) {
    auto found = co_await names.resolve(std::move(host));
    if (!found) co_return std::move(found).error();
    addresses = std::move(*found);
  }
  result<stream_ptr> last = base::fail(outcome::unreachable, "the proxy has no address", stage::resolve);
  for (const auto& address : addresses) {
    const tcp::endpoint to(address, port);
    last = co_await dial_stream(to, sockets);
    if (last) break;
  }
  co_return last;
}

std::optional<wire::socks_credentials> login_of(const http::proxy& proxy) {
  if (proxy.user.reveal().empty()) return std::nullopt;
  return wire::socks_credentials{proxy.user, proxy.password};
}

awaitable<result<stream_ptr>> through_proxy(std::shared_ptr<const http::proxy> proxy, http::resolver& names,
                                            net::socket_options sockets, tunnel_request asked) {
  auto dialled = co_await dial_proxy(proxy->host, proxy->port, names, std::move(sockets));
  if (!dialled) co_return std::move(dialled).error();
  auto login = login_of(*proxy);
  if (proxy->kind == http::proxy_kind::http)
    co_return co_await net::http_connect(std::move(*dialled), std::move(asked.to), std::move(login));
  auto connected =
      co_await net::socks5_connect(**dialled, std::move(asked.to), std::move(login), wire::socks_offer::if_asked);
  if (!connected) co_return std::move(connected).error();
  co_return std::move(*dialled);
}

awaitable<result<stream_ptr>> through_bridge(open_stream_fn open, tunnel_request asked) {
  auto bridge = co_await open();
  if (!bridge) co_return std::move(bridge).error();
  std::optional<wire::socks_credentials> nobody;
  co_return co_await net::http_connect(std::move(*bridge), std::move(asked.to), std::move(nobody));
}

} // namespace

tunnel direct_tunnel(net::socket_options sockets) {
  tunnel made{"direct", false, config::lane_deadlines{}.connect, {}};
  made.open = [sockets = std::move(sockets)](tunnel_request asked) {
    return dial_stream(endpoint_of(asked.to), sockets);
  };
  return made;
}

tunnel upstream_tunnel(http::proxy proxy, http::resolver& names, net::socket_options sockets) {
  tunnel made{"direct", true, bridge_limit, {}};
  const auto shared = std::make_shared<const http::proxy>(std::move(proxy));
  made.open = [shared, &names, sockets = std::move(sockets)](tunnel_request asked) {
    return through_proxy(shared, names, sockets, std::move(asked));
  };
  return made;
}

tunnel bridge_tunnel(std::string name, open_stream_fn open) {
  tunnel made{std::move(name), true, bridge_limit, {}};
  made.open = [open = std::move(open)](tunnel_request asked) { return through_bridge(open, std::move(asked)); };
  return made;
}

tunnel_set::tunnel_set(std::vector<tunnel> tunnels, here_fn here, tunnel_memory& memory, noted_fn noted,
                       const base::clock& clock)
    : tunnels_(std::move(tunnels)), here_(std::move(here)), memory_(memory), noted_(std::move(noted)), clock_(clock) {
  for (const auto& one : tunnels_) counts_[one.name];
}

bool tunnel_set::takes(const wire::socks_destination& to) const noexcept {
  const auto able = [&to](const tunnel& one) { return one.takes_names || to.kind != wire::socks_host::name; };
  return std::any_of(tunnels_.begin(), tunnels_.end(), able);
}

awaitable<result<tunnel_set::opened>> tunnel_set::open(tunnel_request asked) {
  std::vector<std::string> names;
  for (const auto& one : tunnels_)
    if (one.takes_names || asked.to.kind != wire::socks_host::name) names.push_back(one.name);
  const auto here = here_();
  names = memory_.order(here, std::move(names), clock_.wall());
  result<opened> last = base::fail(outcome::unreachable, "no tunnel takes names", stage::connect);
  tunnel_memory::attempt found;
  for (const auto& name : names) {
    const auto& one = *std::find_if(tunnels_.begin(), tunnels_.end(), [&](const tunnel& t) { return t.name == name; });
    auto& counts = counts_[name];
    auto work = one.open(asked);
    auto stream = co_await net::with_deadline(std::move(work), one.limit, stage::connect);
    if (stream) {
      ++counts.opened;
      found.good = name;
      last = opened{std::move(*stream), &counts};
      break;
    }
    last = std::move(stream).error();
    if (last.error().what == outcome::cancelled) co_return last;
    ++counts.failed;
    found.failed.push_back(name);
  }
  if (memory_.record(here, found, clock_.wall())) noted_();
  co_return last;
}

} // namespace landfall::sidecar
