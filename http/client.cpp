#include "http/client.hpp"

#include "http/curl.hpp"
#include "http/curl_loop.hpp"
#include "http/door.hpp"
#include "http/happy.hpp"
#include "http/transfer.hpp"
#include "net/deadline.hpp"

#include <ares.h>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace landfall::http {

namespace {

using base::fail;
using base::outcome;

/// A transfer that runs, and the timer that its coroutine waits on.
struct running {
  transfer& of;
  asio::steady_timer& changed;
  curl_loop& in;
};

} // namespace

struct client::impl {
  impl(asio::any_io_executor on, net::socket_options with, resolver& by, connections how)
      : executor(std::move(on)), socket(std::move(with)), names(by), shares(how == connections::shared) {}

  asio::any_io_executor executor;
  net::socket_options socket;
  resolver& names;
  bool shares;
  std::shared_ptr<curl_loop> loop; ///< made at the first request; held by each that runs in it
  std::map<CURL*, running> transfers;

  std::shared_ptr<curl_loop> started();
  void stepped();
  void ended(CURL* easy, CURLcode code);
  void fail_those_who_wait(const running& failed);
  awaitable<result<response>> run(const request& what, origin to, destination by, base::steady_time end);
  awaitable<result<response>> run_carried(const request& what, origin to, base::steady_time end);
  awaitable<result<destination>> way_to(const request& what, std::string host, std::uint16_t port);
  awaitable<result<response>> get(request what);
};

std::shared_ptr<curl_loop> client::impl::started() {
  if (!loop) {
    curl_loop::events tell{[this] { stepped(); }, [this](CURL* easy, CURLcode code) { ended(easy, code); }};
    loop = std::make_shared<curl_loop>(executor, std::move(tell), shares);
  }
  return loop;
}

void client::impl::stepped() {
  for (auto& [easy, one] : transfers) {
    if (one.of.look()) one.changed.cancel();
    if (one.of.between_addresses()) one.in.nudge(easy);
  }
}

void client::impl::ended(CURL* easy, CURLcode code) {
  const auto found = transfers.find(easy);
  if (found == transfers.end()) return;
  found->second.of.finish(code);
  found->second.changed.cancel();
  fail_those_who_wait(found->second);
}

/// Where connections are shared: each of those who wait for the one that could not be opened would open another in
/// vain, as soon as libcurl is entered again.
void client::impl::fail_those_who_wait(const running& failed) {
  if (!shares || !failed.of.could_not_connect()) return;
  for (auto& [easy, other] : transfers) {
    if (&other.in != &failed.in || !other.of.waits_for_connection()) continue;
    other.of.end_with(failed.of.ended()->error());
    other.changed.cancel();
  }
}

awaitable<result<response>> client::impl::run(const request& what, origin to, destination by, base::steady_time end) {
  const auto in = started();
  transfer one(what, std::move(to), by, socket, *in);
  if (one.ended()) co_return *one.ended();
  asio::steady_timer changed(executor);
  // Leaves the loop however this coroutine ends, destroyed with its context included.
  struct membership {
    impl& of;
    curl_loop& in;
    transfer& one;
    ~membership() {
      in.remove(one.handle());
      of.transfers.erase(one.handle());
    }
  };
  transfers.emplace(one.handle(), running{one, changed, *in});
  const membership inside{*this, *in, one};
  const auto added = in->add(one.handle());
  if (added != CURLE_OK) co_return fail(outcome::local_error, curl().easy_strerror(added));
  while (!one.ended()) {
    const bool cancelled = co_await net::was_cancelled();
    const auto now = std::chrono::steady_clock::now();
    if (cancelled)
      one.end_with(fail(outcome::cancelled, {}, one.at()));
    else if (now >= end)
      one.end_with(fail(outcome::timed_out, "the whole took too long", one.at()));
    else if (now >= one.deadline())
      one.overdue();
    if (one.ended()) break;
    changed.expires_at(std::min(end, one.deadline()));
    (void)co_await changed.async_wait(net::as_result);
  }
  fail_those_who_wait({one, changed, *in});
  one.tell_seen();
  co_return *one.ended();
}

namespace {

awaitable<result<void>> carry_once(door& by, carry_fn carry) {
  auto ours = co_await by.accept();
  if (!ours) co_return std::move(ours).error();
  auto carrying = carry(std::move(*ours));
  auto ended = co_await std::move(carrying);
  co_return ended;
}

} // namespace

awaitable<result<response>> client::impl::run_carried(const request& what, origin to, base::steady_time end) {
  const auto& how = std::get<carried>(what.via);
  auto entrance = door::open(executor, how.folder);
  if (!entrance) co_return std::move(entrance).error();
  net::scope stream(executor);
  std::optional<result<void>> ended;
  stream.spawn(net::detail::keep(carry_once(*entrance, how.carry), ended));
  destination by{{}, entrance->path()};
  auto got = co_await run(what, std::move(to), std::move(by), end);
  const bool by_itself = ended.has_value(); // and not because we cancel it
  stream.cancel();
  co_await stream.join();
  // It knows why the stream ended; libcurl only sees that it did.
  const bool failed = !got || got->cut;
  if (failed && by_itself && !*ended) co_return ended->error();
  co_return got;
}

/// The addresses of whom we connect to: the server, or the proxy.
awaitable<result<destination>> client::impl::way_to(const request& what, std::string host, std::uint16_t port) {
  destination out;
  const auto* through = std::get_if<proxy>(&what.via);
  if (!through) out.addresses = what.addresses;
  if (out.addresses.empty()) {
    // Who fronts for another is no secret; whoever is asked for directly is.
    const auto kind = through || what.host.empty() ? name_kind::sensitive : name_kind::front;
    auto asking = names.resolve(through ? through->host : std::move(host), kind);
    auto found = co_await net::with_deadline(std::move(asking), what.whole, base::stage::resolve);
    if (!found && through && found.error().what != outcome::cancelled)
      co_return fail(outcome::proxy_failed, "its name: " + base::to_string(found.error()), base::stage::resolve);
    if (!found) co_return std::move(found).error();
    out.addresses = std::move(*found);
  }
  if (through || !what.avoid) co_return out;
  std::erase_if(out.addresses, [&](const auto& address) { return what.avoid({address.to_string(), port, {}}); });
  if (out.addresses.empty())
    co_return fail(outcome::cancelled, "every address is under a penalty", base::stage::connect);
  co_return out;
}

awaitable<result<response>> client::impl::get(request what) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto loaded = load_curl();
  if (!loaded) co_return loaded.error();
  const auto end = std::chrono::steady_clock::now() + what.whole;
  auto to = origin_of(what.url);
  if (!to) co_return std::move(to).error();
  if (std::holds_alternative<carried>(what.via)) {
    auto got = co_await run_carried(what, std::move(*to), end);
    co_return got;
  }
  auto by = co_await way_to(what, to->host, static_cast<std::uint16_t>(std::stoi(to->port)));
  if (!by) co_return std::move(by).error();
  if (std::holds_alternative<direct>(what.via) && by->addresses.size() > 1) {
    what.addresses = std::move(by->addresses);
    get_fn one = [this](request by_address) { return get(std::move(by_address)); };
    auto racing = get_by_address(std::move(one), std::move(what));
    auto first = co_await std::move(racing);
    co_return first;
  }
  auto got = co_await run(what, std::move(*to), std::move(*by), end);
  co_return got;
}

client::client(asio::any_io_executor executor, net::socket_options socket, resolver& names, connections how)
    : impl_(std::make_unique<impl>(std::move(executor), std::move(socket), names, how)) {}
client::~client() = default;

void client::close_connections() noexcept { impl_->loop.reset(); }

awaitable<result<response>> client::get(request what) { return impl_->get(std::move(what)); }

std::string client::versions() {
  const auto loaded = load_curl();
  if (!loaded) return fmt::format("no libcurl ({}) c-ares/{}", loaded.error().detail, ares_version(nullptr));
  const auto* about = curl().version_info(CURLVERSION_NOW);
  return fmt::format("libcurl/{} {} c-ares/{}", about->version, about->ssl_version ? about->ssl_version : "no TLS",
                     ares_version(nullptr));
}

} // namespace landfall::http
