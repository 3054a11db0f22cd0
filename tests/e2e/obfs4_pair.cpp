// Both halves of an obfs4 tunnel on the library's own client and server, for the tests and the bench beside obfs4proxy:
//
//   obfs4_pair client ADDRESS:PORT ARGUMENT…          who connects to us is carried through that bridge
//   obfs4_pair server STATE-FILE ADDRESS:PORT [PORT]   a bridge in front of that address, at PORT or any
//
// Says on stdout where it listens, and the server what a bridge line needs, as JSON. Ends with its parent.
#include "base/file.hpp"
#include "base/parent.hpp"
#include "config/endpoint.hpp"
#include "net/scope.hpp"
#include "net/socket.hpp"
#include "ptclient/obfs4_client.hpp"
#include "ptclient/obfs4_server.hpp"
#include "ptclient/spare.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <vector>

namespace {
using namespace landfall;
namespace asio = net::asio;
using tcp = asio::ip::tcp;
using net::awaitable;
using net::result;

struct buffer {
  std::array<char, 64 * 1024> bytes;
};

awaitable<void> pump(net::stream& from, net::stream& to) {
  for (;;) {
    auto waiting = from.readable();
    const auto waited = co_await std::move(waiting);
    if (!waited) break;
    auto held = ptclient::spare<buffer>::take();
    auto reading = from.read_some(asio::buffer(held->bytes));
    const auto got = co_await std::move(reading);
    if (!got) break;
    if (*got == 0) {
      to.end_writing();
      co_return;
    }
    auto writing = to.write(asio::buffer(held->bytes.data(), *got));
    const auto written = co_await std::move(writing);
    ptclient::spare<buffer>::give(std::move(held));
    if (!written) break;
  }
  from.close();
  to.close();
}

awaitable<void> join(net::stream_ptr a, net::stream_ptr b) {
  const auto executor = co_await asio::this_coro::executor;
  net::scope directions(executor);
  directions.spawn(pump(*a, *b));
  directions.spawn(pump(*b, *a));
  co_await directions.join();
}

/// Two streams of one connection, or a failure that is told.
using opener = std::function<awaitable<result<net::stream_ptr>>(net::stream_ptr& accepted)>;

awaitable<result<net::stream_ptr>> dial(tcp::endpoint to) {
  auto dialling = net::dial(to, net::socket_options{});
  auto socket = co_await std::move(dialling);
  if (!socket) co_return socket.error();
  co_return net::as_stream(std::move(*socket));
}

struct client_half {
  wire::obfs4_bridge bridge;
  tcp::endpoint at;
  std::shared_ptr<ptclient::obfs4_keys> keys;
};
awaitable<result<net::stream_ptr>> through_bridge(std::shared_ptr<client_half> half, net::stream_ptr&) {
  ptclient::dialer dialer = [half] { return dial(half->at); };
  auto connecting = ptclient::obfs4_connect(half->bridge, std::move(dialer), half->keys, base::system_clock());
  auto out = co_await std::move(connecting);
  co_return std::move(out);
}

awaitable<result<net::stream_ptr>> behind_bridge(std::shared_ptr<ptclient::obfs4_server> server, tcp::endpoint target,
                                                 net::stream_ptr& accepted) {
  auto accepting = ptclient::obfs4_accept(server, std::move(accepted));
  auto shaken = co_await std::move(accepting);
  if (!shaken) co_return shaken.error();
  accepted = std::move(*shaken);
  auto dialling = dial(target);
  auto out = co_await std::move(dialling);
  co_return std::move(out);
}

awaitable<void> serve(opener open, tcp::socket socket) {
  socket.set_option(tcp::no_delay(true));
  auto accepted = net::as_stream(std::move(socket));
  auto opening = open(accepted);
  auto other = co_await std::move(opening);
  if (!other) {
    std::fprintf(stderr, "%s\n", base::to_string(other.error()).c_str());
    co_return;
  }
  co_await join(std::move(accepted), std::move(*other));
}

awaitable<void> accept_all(tcp::acceptor& acceptor, opener open) {
  const auto executor = co_await asio::this_coro::executor;
  net::scope connections(executor);
  for (;;) {
    auto [ec, socket] = co_await acceptor.async_accept(net::as_result);
    if (ec) break;
    connections.spawn(serve(open, std::move(socket)));
  }
  co_await connections.join();
}

std::optional<tcp::endpoint> address(const char* text) {
  const auto parsed = config::address_and_port::parse(text);
  if (!parsed || !parsed->port) return std::nullopt;
  net::error_code ec;
  const auto ip = asio::ip::make_address(parsed->address.to_string(), ec);
  return tcp::endpoint(ip, *parsed->port);
}

result<opener> make(asio::io_context& context, int argc, char** argv) {
  const auto bad = base::fail(base::outcome::malformed, "usage: see the head of tests/e2e/obfs4_pair.cpp");
  const auto keys = ptclient::obfs4_keys::on(context.get_executor());
  if (argc >= 4 && std::strcmp(argv[1], "client") == 0) {
    const auto at = address(argv[2]);
    std::vector<std::pair<std::string, std::string>> arguments;
    for (int i = 3; i < argc; ++i) {
      const std::string one(argv[i]);
      arguments.emplace_back(one.substr(0, one.find('=')), one.substr(one.find('=') + 1));
    }
    auto bridge = wire::read_obfs4_arguments(arguments);
    if (!bridge) return bridge.error();
    if (!at) return bad;
    auto half = std::make_shared<client_half>(client_half{*bridge, *at, keys});
    return opener([half](net::stream_ptr& accepted) { return through_bridge(half, accepted); });
  }
  if (argc >= 4 && std::strcmp(argv[1], "server") == 0) {
    const auto text = base::read_file(argv[2], wire::max_obfs4_state);
    if (!text) return text.error();
    auto who = wire::read_obfs4_state(*text);
    const auto target = address(argv[3]);
    if (!who) return who.error();
    if (!target) return bad;
    auto server = std::make_shared<ptclient::obfs4_server>(std::move(*who), keys, base::system_clock());
    std::printf("{\"arguments\":\"%s\"}\n", wire::obfs4_arguments(server->who.open).c_str());
    return opener([server, at = *target](net::stream_ptr& accepted) { return behind_bridge(server, at, accepted); });
  }
  return bad;
}
} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  if (!base::tie_to_parent(std::nullopt)) return 0;
  asio::io_context context(1);
  auto open = make(context, argc, argv);
  if (!open) return std::fprintf(stderr, "%s\n", open.error().detail.c_str()), 2;
  const auto port = argc == 5 && std::strcmp(argv[1], "server") == 0 ? std::atoi(argv[4]) : 0;
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)});
  acceptor.listen(4096);
  std::printf("{\"listening\":\"127.0.0.1:%d\"}\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(context, accept_all(acceptor, std::move(*open)), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  context.run();
  return 0;
}
