#include "tests/censor/relay.hpp"

#include "net/socket.hpp"
#include "tests/censor/relay_line.hpp"

#include <list>

namespace landfall::censor {

using net::as_result;
using net::awaitable;
using net::error_code;
using tcp = net::asio::ip::tcp;
using udp = net::asio::ip::udp;

namespace {

constexpr std::size_t most_connections = 64; ///< at a time and place

struct tcp_entrance {
  relay_place place;
  tcp::acceptor acceptor;
  tcp::socket filling; ///< open: our own connection that keeps the queue full, so that SYNs go unanswered
};

struct dns_entrance {
  relay_place place;
  udp::socket socket;
};

class relays final : public relay_censor {
public:
  relays(net::asio::any_io_executor executor, rule_set rules, const relay_options& options)
      : executor_(executor), mind_(std::move(rules), options), children_(executor) {}

  net::result<std::uint16_t> listen(relay_place place) override {
    return place.kind == place_kind::dns ? listen_dns(std::move(place)) : listen_tcp(std::move(place));
  }
  awaitable<void> run() override;
  [[nodiscard]] boost::json::object counters() const override { return mind_.mind().counters(); }
  void block(const address& server) override { mind_.mind().block(server); }

private:
  net::result<std::uint16_t> listen_tcp(relay_place place);
  net::result<std::uint16_t> listen_dns(relay_place place);
  [[nodiscard]] bool drops_syn(const relay_place& place);
  static void fill(tcp_entrance& entrance, error_code& ec);
  void start_new();
  static awaitable<void> serve_tcp(tcp_entrance& entrance, detail::relay_mind& mind);

  net::asio::any_io_executor executor_;
  detail::relay_mind mind_;
  std::list<tcp_entrance> tcp_;
  std::list<dns_entrance> dns_;
  std::size_t started_tcp_ = 0, started_dns_ = 0;
  net::scope children_;
};

net::result<std::uint16_t> failed(const error_code& ec) {
  return base::fail(base::outcome::local_error, "no port on loopback: " + ec.message());
}

/// A SYN to a place that nothing else was seen of; what the rules say of the address alone.
bool relays::drops_syn(const relay_place& place) {
  observation syn;
  syn.flow = {detail::relay_mind::client(0), place.stands_for, transport::tcp};
  syn.what = kind::open;
  const auto decided = mind_.decide(syn);
  return decided.drop;
}

/// Linux drops SYNs to a listener whose accept queue is full; with a backlog of 0 one connection fills it.
void relays::fill(tcp_entrance& entrance, error_code& ec) {
  entrance.filling.open(tcp::v4(), ec);
  if (!ec) entrance.filling.connect(entrance.acceptor.local_endpoint(), ec);
}

net::result<std::uint16_t> relays::listen_tcp(relay_place place) {
  const bool silent = drops_syn(place);
  auto& made = tcp_.emplace_back(tcp_entrance{std::move(place), tcp::acceptor(executor_), tcp::socket(executor_)});
  error_code ec;
  made.acceptor.open(tcp::v4(), ec);
  if (!ec) made.acceptor.bind({made.place.entrance, 0}, ec);
  if (!ec) made.acceptor.listen(silent ? 0 : net::asio::socket_base::max_listen_connections, ec);
  if (!ec && silent) fill(made, ec);
  if (ec) return failed(ec);
  children_.poke();
  return made.acceptor.local_endpoint().port();
}

net::result<std::uint16_t> relays::listen_dns(relay_place place) {
  auto& made = dns_.emplace_back(dns_entrance{std::move(place), udp::socket(executor_)});
  error_code ec;
  made.socket.open(udp::v4(), ec);
  if (!ec) made.socket.bind({made.place.entrance, 0}, ec);
  if (ec) return failed(ec);
  children_.poke();
  return made.socket.local_endpoint().port();
}

awaitable<void> relays::serve_tcp(tcp_entrance& entrance, detail::relay_mind& mind) {
  net::scope connections(entrance.acceptor.get_executor());
  for (;;) {
    auto [ec, client] = co_await entrance.acceptor.async_accept(as_result);
    if (ec) break;
    if (connections.running() < most_connections)
      connections.spawn(detail::serve_stream(std::move(client), entrance.place, mind));
  }
  connections.cancel();
  co_await connections.join();
}

void relays::start_new() {
  for (auto at = std::next(tcp_.begin(), static_cast<std::ptrdiff_t>(started_tcp_)); at != tcp_.end();
       ++at, ++started_tcp_)
    if (!at->filling.is_open()) children_.spawn(serve_tcp(*at, mind_));
  for (auto at = std::next(dns_.begin(), static_cast<std::ptrdiff_t>(started_dns_)); at != dns_.end();
       ++at, ++started_dns_)
    children_.spawn(detail::serve_dns(at->socket, at->place, mind_));
}

awaitable<void> relays::run() {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  bool stop = co_await net::was_cancelled();
  while (!stop) {
    start_new();
    co_await children_.wait();
    stop = co_await net::was_cancelled();
  }
  children_.cancel();
  co_await children_.join();
}

} // namespace

net::result<std::unique_ptr<relay_censor>> relay_censor::make(net::asio::any_io_executor executor,
                                                              relay_options options) {
  auto rules = parse_rules(options.profile, compiled_rules, options.defined);
  if (!rules) return rules.error();
  return std::unique_ptr<relay_censor>(std::make_unique<relays>(std::move(executor), std::move(*rules), options));
}

} // namespace landfall::censor
