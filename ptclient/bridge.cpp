#include "ptclient/bridge.hpp"

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "net/live.hpp"
#include "ptclient/socks_service.hpp"
#include "ptclient/webtunnel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace landfall::ptclient {

using base::fail;
using base::outcome;
using base::stage;
using tcp = asio::ip::tcp;

namespace {

constexpr std::array<std::string_view, 2> native{"obfs4", "webtunnel"};

/// Its data goes by UDP, which no proxy of ours carries (design §4).
constexpr std::array<std::string_view, 1> unproxied{"snowflake"};

template <class Names> bool among(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What a program opened: its first byte has to come in time.
class stream_on_probation final : public net::stream {
public:
  stream_on_probation(net::stream_ptr below, std::chrono::milliseconds limit)
      : below_(std::move(below)), limit_(limit) {}

  awaitable<result<void>> readable() override {
    if (proven_) co_return co_await below_->readable();
    auto waiting = below_->readable();
    auto got = co_await net::with_deadline(std::move(waiting), limit_, stage::handshake);
    co_return judge(std::move(got));
  }
  awaitable<result<std::size_t>> read_some(asio::mutable_buffer into) override {
    if (proven_) co_return co_await below_->read_some(into);
    auto reading = below_->read_some(into);
    auto got = co_await net::with_deadline(std::move(reading), limit_, stage::handshake);
    co_return judge(std::move(got));
  }
  awaitable<result<void>> write(asio::const_buffer from) override { co_return co_await below_->write(from); }
  void end_writing() noexcept override { below_->end_writing(); }
  void close() noexcept override { below_->close(); }
  asio::ip::tcp::socket* plain() noexcept override { return proven_ ? below_->plain() : nullptr; }

private:
  template <class T> result<T> judge(result<T> got) {
    if (got) proven_ = true;
    if (!got && got.error().what == outcome::timed_out)
      return fail(outcome::bridge_silent, "the transport was opened, but nothing came through it", stage::handshake);
    return got;
  }
  net::stream_ptr below_;
  std::chrono::milliseconds limit_;
  bool proven_ = false;
};

/// What a proxy of ours opens for a program: by our sockets, names by our resolver.
awaitable<result<net::stream_ptr>> open_for_program(net::socks5_request asked, outward how, http::resolver& names) {
  if (how.upstream || asked.to.kind != wire::socks_host::name)
    co_return co_await reach(std::move(asked.to), std::move(how), names);
  auto found = co_await names.resolve(asked.to.host_text());
  if (!found) co_return found.error();
  auto to = destination_of(tcp::endpoint(found->front(), asked.to.port));
  co_return co_await reach(std::move(to), std::move(how), names);
}

} // namespace

bool is_native(std::string_view transport) noexcept { return among(native, transport); }

bridges::bridges(asio::any_io_executor executor, const config::settings& settings, http::resolver& names,
                 const base::clock& clock, tell_fn tell, bridge_limits limits)
    : names_(names), clock_(clock), keys_(obfs4_keys::on(executor)), limits_(limits) {
  out_.socket = {settings.sidecar.fwmark, settings.sidecar.interface};
  out_.connect = limits_.connect;
  if (const auto& text = settings.sidecar.upstream_proxy.reveal(); !text.empty()) {
    auto upstream = upstream_of(text);
    if (!upstream)
      broken_ = "upstream_proxy cannot be read, and nothing may pass it by";
    else
      out_.upstream = std::move(*upstream);
  }
  if (confined()) proxy_url_ = open_proxy(executor);
  for (const auto& one : settings.transports) {
    const auto folder = settings.sidecar.state / "transports" / one.names.front();
    programs_.push_back(
        std::make_unique<program>(executor, program_options{one.names, one.exec, folder, proxy_url_, tell}));
    for (const auto& name : one.names)
      if (!is_native(name) || !one.native) by_name_.emplace(name, programs_.back().get());
  }
}

bridges::~bridges() = default;

bool bridges::confined() const { return out_.upstream || out_.socket.fwmark != 0 || !out_.socket.interface.empty(); }

base::sensitive<std::string> bridges::open_proxy(const asio::any_io_executor& executor) {
  const auto password = base::to_hex(crypto::random_bytes(16));
  auto open = [this](net::socks5_request asked) { return open_for_program(std::move(asked), out_, names_); };
  auto service =
      socks_service::listen(executor, {wire::socks_policy::auth::required, base::sensitive(password)}, std::move(open));
  if (!service) {
    programs_off_ = "a proxy of our own for it cannot be opened: " + service.error().detail;
    return {};
  }
  proxy_ = std::move(*service);
  return base::sensitive(fmt::format("socks5://landfall:{}@127.0.0.1:{}", password, proxy_->port()));
}

awaitable<void> bridges::run() {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await asio::this_coro::executor;
  net::scope children(executor);
  if (proxy_) children.spawn(proxy_->run());
  for (const auto& one : programs_) children.spawn(one->run());
  co_await net::live(children);
}

program* bridges::program_of(std::string_view transport) const {
  const auto at = by_name_.find(transport);
  return at == by_name_.end() ? nullptr : at->second;
}

std::string bridges::off(std::string_view transport) const {
  if (!broken_.empty()) return broken_;
  if (transport.empty()) return "a bridge without a transport is tor's to use";
  if (program_of(transport) == nullptr)
    return is_native(transport) ? "" : fmt::format("no [[transport]] names '{}'", transport);
  if (confined() && among(unproxied, transport))
    return fmt::format("{} takes no proxy, and its packets would pass ours by", transport);
  return programs_off_;
}

awaitable<result<net::stream_ptr>> bridges::open(config::bridge_line line, net::progress_fn tell) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (auto why = off(line.transport); !why.empty()) co_return fail(outcome::proxy_failed, std::move(why), stage::proxy);
  if (auto* by = program_of(line.transport)) co_return co_await open_managed(*by, std::move(line), std::move(tell));
  if (line.transport == "obfs4") co_return co_await open_obfs4(std::move(line), std::move(tell));
  auto to = webtunnel_target_of(line.arguments.reveal());
  if (!to) co_return to.error();
  co_return co_await open_webtunnel(std::move(*to), out_, names_, std::move(tell));
}

awaitable<result<net::stream_ptr>> bridges::open_obfs4(config::bridge_line line, net::progress_fn tell) {
  auto bridge = wire::read_obfs4_arguments(line.arguments.reveal());
  if (!bridge) co_return bridge.error();
  const auto& place = line.where.reveal();
  const auto address = place.address.to_string();
  const auto port = place.port.value_or(443);
  auto to = wire::socks_destination::parse(address, port);
  if (!to) co_return to.error();
  dialer dial = [this, to = std::move(*to), &tell] { return reach(to, out_, names_, tell); };
  auto stream = co_await obfs4_connect(*bridge, std::move(dial), keys_, clock_, limits_.handshake);
  if (stream) {
    if (tell) tell(stage::handshake);
    co_return std::move(*stream);
  }
  auto why = std::move(stream).error();
  if (!out_.upstream) why.where = base::place{address, port, {}};
  co_return why;
}

awaitable<result<net::stream_ptr>> bridges::open_managed(program& by, config::bridge_line line, net::progress_fn tell) {
  auto method = co_await by.method(line.transport);
  if (!method) co_return method.error();
  const tcp::endpoint where(asio::ip::make_address(method->address), method->port);
  net::socket_options plain; // loopback: no mark, no interface
  auto dialling = net::dial(where, std::move(plain));
  auto socket = co_await net::with_deadline(std::move(dialling), limits_.connect, stage::proxy);
  if (!socket && socket.error().what == outcome::cancelled) co_return socket.error();
  if (!socket) co_return fail(outcome::proxy_failed, "the program does not take connections", stage::proxy);
  auto stream = net::as_stream(std::move(*socket));
  const auto& place = line.where.reveal();
  auto to = wire::socks_destination::parse(place.address.to_string(), place.port.value_or(443));
  if (!to) co_return to.error();
  std::optional<wire::socks_credentials> arguments;
  if (const auto encoded = line.encoded_arguments(); !encoded.empty()) {
    auto credentials = wire::credentials_of(encoded);
    if (!credentials) co_return credentials.error();
    arguments = std::move(*credentials);
  }
  auto asking = net::socks5_connect(*stream, std::move(*to), std::move(arguments));
  auto granted = co_await net::with_deadline(std::move(asking), limits_.granted, stage::handshake);
  // Programs answer nothing to a wrong key, and one code to everything else.
  if (!granted && granted.error().what == outcome::timed_out && granted.error().at == stage::handshake)
    co_return fail(outcome::bridge_silent, "the transport found no way to the bridge", stage::handshake);
  if (!granted) co_return granted.error();
  if (tell) tell(stage::handshake);
  co_return net::stream_ptr(std::make_unique<stream_on_probation>(std::move(stream), limits_.first_byte));
}

} // namespace landfall::ptclient
