#include "onion/local.hpp"

#include "net/socket.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <sys/un.h>

namespace landfall::onion {

awaitable<result<net::stream_ptr>> connect_local(local_place where) {
  if (const auto* tcp = std::get_if<asio::ip::tcp::endpoint>(&where)) {
    auto dialling = net::dial(*tcp, net::socket_options{});
    auto socket = co_await std::move(dialling);
    if (!socket) co_return socket.error();
    co_return net::as_stream(std::move(*socket));
  }
  const auto path = std::get<std::filesystem::path>(where).string();
  if (path.size() >= sizeof(sockaddr_un::sun_path)) // Asio throws
    co_return base::fail(base::outcome::local_error, "the path of tor's socket is too long", base::stage::connect);
  const auto executor = co_await asio::this_coro::executor;
  asio::local::stream_protocol::socket socket(executor);
  const asio::local::stream_protocol::endpoint to(path);
  const auto [ec] = co_await socket.async_connect(to, net::as_result);
  if (ec) co_return net::failure_of(ec, base::stage::connect);
  co_return net::as_stream(std::move(socket));
}

} // namespace landfall::onion
