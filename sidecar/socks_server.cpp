#include "sidecar/socks_server.hpp"

#include "base/encoding.hpp"
#include "base/log.hpp"
#include "config/endpoint.hpp"
#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "net/relay.hpp"
#include "net/socks5.hpp"
#include "net/while_there.hpp"

#include <fmt/format.h>

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>

namespace landfall::sidecar {

using base::outcome;
using base::result;
using base::stage;
using net::as_result;
using net::awaitable;
using namespace std::chrono_literals;
using wire::socks_reply;

namespace {

constexpr std::string_view unix_prefix = "unix:";
/// Of the descriptors: for files, the API, races, pipes; the rest is the proxy's.
constexpr std::size_t descriptors_of_others = 256;
constexpr std::size_t password_bytes = 18;
/// After which accepting is tried again when the machine has no descriptor left and nobody of ours ends.
constexpr auto descriptor_pause = 100ms;

std::size_t most_connections() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  const auto all = static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1024 * 1024));
  return std::max<std::size_t>(all > descriptors_of_others ? (all - descriptors_of_others) / 2 : 0, 16);
}

base::failure cannot_listen(const std::string& where, const std::string& why) {
  return base::fail(outcome::local_error, fmt::format("sidecar.socks: cannot listen at {}: {}", where, why));
}

bool no_descriptors(const net::error_code& ec) {
  return ec == net::asio::error::no_descriptors || ec.value() == ENFILE || ec.value() == ENOBUFS ||
         ec.value() == ENOMEM;
}

uid_t uid_of(net::asio::local::stream_protocol::socket& peer) {
  ucred who{};
  socklen_t size = sizeof who;
  const bool known = ::getsockopt(peer.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0;
  return known ? who.uid : static_cast<uid_t>(-1);
}

/// Counts as long as it lives.
class counted {
public:
  explicit counted(std::uint64_t& gauge) : gauge_(gauge) { ++gauge_; }
  ~counted() { --gauge_; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;

private:
  std::uint64_t& gauge_;
};

} // namespace

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit); // refused: fewer connections, and each refusal is handled
}

result<std::unique_ptr<socks_server>> socks_server::open(net::asio::any_io_executor executor, socks_options options,
                                                         tunnel_set& tunnels, may_reach_fn may_reach) {
  std::unique_ptr<socks_server> made(new socks_server(executor, std::move(options), tunnels, std::move(may_reach)));
  const std::string_view where = made->options_.listen;
  auto listening = where.starts_with(unix_prefix) ? made->listen_unix(std::string(where.substr(unix_prefix.size())))
                                                  : made->listen_tcp();
  if (!listening) return std::move(listening).error();
  return made;
}

socks_server::socks_server(net::asio::any_io_executor executor, socks_options options, tunnel_set& tunnels,
                           may_reach_fn may_reach)
    : executor_(std::move(executor)), options_(std::move(options)), tunnels_(tunnels),
      may_reach_(std::move(may_reach)) {
  // Whoever comes by the Unix socket was let in by the kernel's word for it.
  const bool asks = !options_.open && !std::string_view(options_.listen).starts_with(unix_prefix);
  policy_.how = asks ? wire::socks_policy::auth::required : wire::socks_policy::auth::accepted;
  if (!asks) return;
  policy_.password = base::sensitive(base::to_base64url(crypto::random_bytes(password_bytes)));
  told_.user = base::sensitive(std::string("landfall")); // any other is a token too
  told_.password = policy_.password;
}

result<void> socks_server::listen_tcp() {
  const auto& text = options_.listen;
  const auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  net::error_code ec;
  const auto address = net::asio::ip::make_address(host, ec);
  const auto port = text.substr(colon + 1) == "0" ? 0 : config::parse_port(text.substr(colon + 1)).value_or(0);
  const tcp::endpoint at(address, static_cast<std::uint16_t>(port));
  tcp_.emplace(executor_);
  if (!ec) tcp_->open(at.protocol(), ec);
  if (!ec) tcp_->set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) tcp_->set_option(tcp::no_delay(true), ec); // those that are accepted have it too
  if (!ec) tcp_->bind(at, ec);
  if (!ec) tcp_->listen(net::asio::socket_base::max_listen_connections, ec);
  if (ec) return cannot_listen(text, ec.message());
  const auto bound = tcp_->local_endpoint(ec);
  told_.address = fmt::format("{}:{}", address.is_v6() ? "[" + host + "]" : host, bound.port());
  return {};
}

result<void> socks_server::listen_unix(const std::string& path) {
  auto made = api_socket::listen(path);
  if (!made) return cannot_listen(options_.listen, made.error().detail);
  path_.emplace(std::move(*made));
  net::error_code ec;
  local_.emplace(executor_);
  local_->assign(local(), path_->release(), ec);
  if (ec) return cannot_listen(options_.listen, ec.message());
  told_.address = options_.listen;
  return {};
}

awaitable<result<net::stream_ptr>> socks_server::accept() {
  if (tcp_) {
    auto [ec, client] = co_await tcp_->async_accept(as_result);
    if (no_descriptors(ec)) co_return base::fail(outcome::local_error);
    if (ec) co_return net::failure_of(ec, stage::none);
    co_return net::as_stream(std::move(client));
  }
  auto [ec, client] = co_await local_->async_accept(as_result);
  if (no_descriptors(ec)) co_return base::fail(outcome::local_error);
  if (ec) co_return net::failure_of(ec, stage::none);
  const bool allowed = options_.allowed.contains(uid_of(client));
  if (!allowed) co_return base::fail(outcome::refused);
  co_return net::as_stream(std::move(client));
}

awaitable<void> socks_server::run() {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  net::scope sessions(executor_);
  const auto most = most_connections();
  bool cancelled = co_await net::was_cancelled();
  while (!cancelled) {
    if (sessions.running() >= most) {
      co_await sessions.wait();
    } else {
      auto client = co_await accept();
      if (client) {
        ++counts_.accepted;
        sessions.spawn(serve(std::move(*client)));
      } else if (client.error().what == outcome::local_error) {
        co_await sessions.wait(std::chrono::steady_clock::now() + descriptor_pause);
      }
    }
    cancelled = co_await net::was_cancelled();
  }
  sessions.cancel();
  co_await sessions.join();
}

awaitable<void> socks_server::serve(net::stream_ptr client) {
  const counted open(counts_.open);
  const auto led = co_await lead(*client);
  if (!led) {
    client->close();
    co_return;
  }
  net::relay_limits limits;
  limits.idle = options_.limits.idle;
  (void)co_await net::relay(*client, *led->stream, limits, &led->counts->bytes);
}

awaitable<std::optional<tunnel_set::opened>> socks_server::lead(net::stream& client) {
  auto asked = co_await handshake(client);
  if (!asked) co_return std::nullopt;
  // The answers below fit the client's empty socket: writing them never waits.
  if (!tunnels_.takes(asked->to)) {
    (void)co_await net::socks5_reply(client, socks_reply::address_not_supported);
    co_return std::nullopt;
  }
  if (!may_reach_(asked->to)) {
    ++counts_.not_allowed;
    (void)co_await net::socks5_reply(client, socks_reply::not_allowed);
    co_return std::nullopt;
  }
  tunnel_request request(std::move(asked->to), asked->said ? asked->said->user.reveal() : std::string());
  auto opening = net::while_there(client, asked->early, tunnels_.open(std::move(request)));
  auto opened = co_await std::move(opening);
  if (!opened && opened.error().what == outcome::cancelled) co_return std::nullopt; // nobody is there to be answered
  const auto code = opened ? socks_reply::succeeded : wire::reply_for(opened.error().what);
  const auto heard = co_await net::socks5_reply(client, code);
  if (!opened || !heard) co_return std::nullopt;
  if (!asked->early.empty()) {
    const auto early = net::asio::buffer(asked->early);
    const auto sent = co_await opened->stream->write(early);
    if (!sent) co_return std::nullopt;
  }
  co_return std::move(*opened);
}

awaitable<result<net::socks5_request>> socks_server::handshake(net::stream& client) {
  const counted half_open(counts_.half_open);
  if (waiting_.size() >= options_.limits.half_open) {
    ++counts_.pushed_out;
    waiting_.front()->close();
    waiting_.pop_front();
  }
  waiting_.push_back(&client);
  auto work = net::socks5_accept(client, policy_);
  auto asked = co_await net::with_deadline(std::move(work), options_.limits.handshake, stage::proxy);
  std::erase(waiting_, &client);
  if (!asked && (asked.error().what == outcome::malformed || asked.error().what == outcome::proxy_failed))
    ++counts_.refused;
  co_return asked;
}

} // namespace landfall::sidecar
