#include "base/file.hpp"
#include "base/log.hpp"
#include "config/endpoint.hpp"
#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "net/live.hpp"
#include "net/relay.hpp"
#include "ptclient/managed.hpp"
#include "ptclient/obfs4_server.hpp"
#include "wire/ext_or.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

namespace landfall::ptclient {

using base::fail;
using base::outcome;
using base::stage;
using tcp = asio::ip::tcp;

namespace {

constexpr std::size_t max_clients = 4096;        ///< strangers are held for up to 89 s, with 8 KiB each; more wait
constexpr std::chrono::seconds or_port_limit{5}; ///< tor on this machine
constexpr net::relay_limits idle{std::chrono::hours(1)};

/// Where clients go: tor's OR port, by the extended one where there is one.
struct destination {
  tcp::endpoint where;
  bool extended = false;
  std::string cookie_file;
};

result<tcp::endpoint> endpoint_of(std::string_view text) {
  const bool any_port = text.ends_with(":0");
  const auto parsed = config::address_and_port::parse(any_port ? text.substr(0, text.size() - 2) : text);
  if (!parsed || parsed->port.has_value() == any_port) return fail(outcome::malformed, "not ADDRESS:PORT");
  return tcp::endpoint(asio::ip::make_address(parsed->address.to_string()), parsed->port.value_or(0));
}

std::string text_of(const tcp::endpoint& at) {
  const auto address = at.address().to_string();
  return at.address().is_v6() ? fmt::format("[{}]:{}", address, at.port()) : fmt::format("{}:{}", address, at.port());
}

/// From the state folder, or a new one that is kept there, in obfs4proxy's form; the line beside it, for people.
result<wire::obfs4_identity> identity_in(const std::filesystem::path& folder, const wire::pt_request& asked) {
  if (auto made = base::private_folder(folder); !made) return made.error();
  const auto file = folder / "obfs4_state.json";
  std::error_code ignored;
  auto who = wire::make_obfs4_identity();
  if (std::filesystem::exists(file, ignored)) {
    const auto text = base::read_file(file, wire::max_obfs4_state);
    if (!text) return text.error();
    auto kept = wire::read_obfs4_state(*text);
    if (!kept) return kept.error();
    who = std::move(*kept);
  }
  if (const auto options = asked.options.find("obfs4"); options != asked.options.end()) {
    for (const auto& [key, value] : options->second) {
      if (key != "iat-mode") continue;
      if (value != "0" && value != "1" && value != "2") return fail(outcome::malformed, "iat-mode: write 0, 1 or 2");
      who.open.iat = static_cast<wire::iat_mode>(value.front() - '0');
    }
  }
  if (auto written = base::write_file(file, wire::obfs4_state(who)); !written) return written.error();
  auto line = fmt::format("Bridge obfs4 <IP ADDRESS>:<PORT> <FINGERPRINT> {}\n", wire::obfs4_arguments(who.open));
  if (auto written = base::write_file(folder / "obfs4_bridgeline.txt", line); !written) return written.error();
  return who;
}

awaitable<result<void>> introduce(net::stream& to, wire::ext_or_client talk) {
  std::array<char, 64> some{};
  for (;;) {
    auto size = co_await to.read_some(asio::buffer(some, std::min(some.size(), talk.wanted())));
    if (!size) co_return size.error();
    if (*size == 0) co_return fail(outcome::proxy_failed, "the extended OR port ended the connection", stage::proxy);
    auto step = talk.take({some.data(), *size});
    if (!step) co_return step.error();
    if (!step->send.empty()) {
      auto sent = co_await to.write(asio::buffer(step->send));
      if (!sent) co_return sent.error();
    }
    if (step->accepted) co_return result<void>{};
  }
}

awaitable<result<net::stream_ptr>> reach_tor(destination to, std::string client) {
  net::socket_options plain;
  auto dialling = net::dial(to.where, std::move(plain));
  auto socket = co_await net::with_deadline(std::move(dialling), or_port_limit, stage::connect);
  if (!socket) co_return socket.error();
  auto stream = net::as_stream(std::move(*socket));
  if (!to.extended) co_return std::move(stream);
  // Read for each client: tor makes a new one when it starts again.
  const auto content = base::read_file(to.cookie_file, wire::max_ext_or_cookie_file);
  if (!content) co_return content.error();
  auto cookie = wire::read_ext_or_cookie(*content);
  if (!cookie) co_return cookie.error();
  wire::ext_or_client talk(std::move(*cookie), crypto::random_bytes(32), std::move(client), "obfs4");
  auto introducing = introduce(*stream, std::move(talk));
  auto introduced = co_await net::with_deadline(std::move(introducing), or_port_limit, stage::proxy);
  if (!introduced) co_return introduced.error();
  co_return std::move(stream);
}

awaitable<void> serve(std::shared_ptr<obfs4_server> bridge, tcp::socket client, destination to) {
  net::error_code ec;
  const auto from = client.remote_endpoint(ec);
  if (ec) co_return; // it has gone
  client.set_option(tcp::no_delay(true), ec);
  auto opened = co_await obfs4_accept(std::move(bridge), net::as_stream(std::move(client)));
  if (!opened) co_return;
  auto far = co_await reach_tor(std::move(to), text_of(from));
  if (!far) co_return;
  auto limits = idle;
  (void)co_await net::relay(**opened, **far, limits);
}

awaitable<void> accept_all(std::shared_ptr<obfs4_server> bridge, tcp::acceptor listening, destination to) {
  const auto executor = co_await asio::this_coro::executor;
  net::scope clients(executor);
  bool cancelled = co_await net::was_cancelled();
  while (!cancelled) {
    tcp::socket client(executor);
    const auto [ec] = co_await listening.async_accept(client, net::as_result);
    cancelled = co_await net::was_cancelled();
    if (cancelled) break;
    if (ec) {
      const std::chrono::milliseconds out_of_files{100};
      (void)co_await net::sleep_for(out_of_files);
    } else {
      clients.spawn(serve(bridge, std::move(client), to));
    }
    while (clients.running() >= max_clients && !cancelled) {
      co_await clients.wait();
      cancelled = co_await net::was_cancelled();
    }
  }
  clients.cancel();
  co_await clients.join();
}

result<tcp::acceptor> listen_at(const asio::any_io_executor& executor, const wire::pt_request& asked) {
  const auto bind = asked.bind.find("obfs4");
  const auto at = endpoint_of(bind == asked.bind.end() ? "0.0.0.0:0" : bind->second);
  if (!at) return at.error();
  tcp::acceptor out(executor);
  net::error_code ec;
  out.open(at->protocol(), ec);
  if (!ec) out.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) out.bind(*at, ec);
  if (!ec) out.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return fail(outcome::local_error, "cannot listen: " + ec.message());
  return out;
}

result<destination> destination_in(const wire::pt_request& asked) {
  const bool extended = !asked.extended_or_port.empty();
  const auto where = endpoint_of(extended ? asked.extended_or_port : asked.or_port);
  if (!where || where->port() == 0) return fail(outcome::malformed, "the OR port is not ADDRESS:PORT");
  return destination{*where, extended, asked.auth_cookie_file};
}

} // namespace

awaitable<void> serve_as_server(wire::pt_request asked, const base::clock& clock, say_fn say) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await asio::this_coro::executor;
  say("VERSION 1");
  net::scope serving(executor);
  if (std::find(asked.names.begin(), asked.names.end(), "obfs4") != asked.names.end()) {
    auto to = destination_in(asked);
    auto who = identity_in(asked.state, asked);
    auto listening = listen_at(executor, asked);
    if (to && who && listening) {
      net::error_code ec;
      // Base64 and a digit: nothing in it needs an escape.
      auto arguments = wire::obfs4_arguments(who->open);
      std::replace(arguments.begin(), arguments.end(), ' ', ',');
      const auto at = listening->local_endpoint(ec);
      auto bridge = std::make_shared<obfs4_server>(std::move(*who), obfs4_keys::on(executor), clock);
      say(fmt::format("SMETHOD obfs4 {} ARGS:{}", text_of(at), arguments));
      serving.spawn(accept_all(std::move(bridge), std::move(*listening), std::move(*to)));
    } else {
      const auto& why = !to ? to.error() : !who ? who.error() : listening.error();
      say(fmt::format("SMETHOD-ERROR obfs4 {}", base::printable(why.detail, 200)));
    }
  }
  say("SMETHODS DONE");
  co_await net::live(serving);
}

} // namespace landfall::ptclient
