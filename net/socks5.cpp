#include "net/socks5.hpp"

#include <array>

namespace landfall::net {

namespace {

/// The longest message of either side is 513 bytes; what a client sends early is read by the next call or the relay.
constexpr std::size_t piece = 512;

base::failure at_proxy(base::failure failed) {
  failed.at = base::stage::proxy;
  return failed;
}

base::failure hung_up() {
  return base::fail(base::outcome::reset_before_hello, "it hung up during SOCKS5", base::stage::proxy);
}

} // namespace

awaitable<result<void>> socks5_connect(stream& proxy, wire::socks_destination to,
                                       std::optional<wire::socks_credentials> with, wire::socks_offer offer) {
  wire::socks5_client client(std::move(to), std::move(with), offer);
  std::array<char, piece> buffer;
  auto step = client.start();
  while (step && !step->connected) {
    const auto out = asio::buffer(step->send);
    auto sent = co_await proxy.write(out);
    if (!sent) co_return at_proxy(std::move(sent).error());
    // No more than is wanted: what comes behind the reply stays where the relay finds it.
    const auto into = asio::buffer(buffer, client.wanted());
    auto got = co_await proxy.read_some(into);
    if (!got) co_return at_proxy(std::move(got).error());
    if (*got == 0) co_return hung_up();
    step = client.take(std::string_view(buffer.data(), *got));
  }
  if (!step) co_return std::move(step).error();
  co_return result<void>{};
}

awaitable<result<socks5_request>> socks5_accept(stream& client, const wire::socks_policy& policy) {
  using now = wire::socks5_server::now;
  wire::socks5_server server(policy);
  std::array<char, piece> buffer;
  wire::socks5_server::step step;
  while (step.what == now::more) {
    const auto into = asio::buffer(buffer);
    auto got = co_await client.read_some(into);
    if (!got) co_return at_proxy(std::move(got).error());
    if (*got == 0) co_return hung_up();
    step = server.take(std::string_view(buffer.data(), *got));
    if (step.send.empty()) continue;
    const auto out = asio::buffer(step.send);
    auto sent = co_await client.write(out);
    if (!sent) co_return at_proxy(std::move(sent).error());
  }
  if (step.what == now::over) co_return server.refused();
  socks5_request asked{server.request().to, server.request().said, {}};
  asked.early = std::move(server).rest();
  co_return asked;
}

awaitable<result<void>> socks5_reply(stream& client, wire::socks_reply code) {
  const auto text = wire::socks5_server::reply(code);
  const auto out = asio::buffer(text);
  auto sent = co_await client.write(out);
  if (!sent) co_return at_proxy(std::move(sent).error());
  co_return result<void>{};
}

} // namespace landfall::net
