#include "http/client.hpp"

#include "http/curl.hpp"
#include "http/curl_loop.hpp"
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
};

} // namespace

struct client::impl {
  impl(asio::any_io_executor on, net::socket_options with, resolver& by)
      : executor(std::move(on)), socket(std::move(with)), names(by) {}

  asio::any_io_executor executor;
  net::socket_options socket;
  resolver& names;
  std::unique_ptr<curl_loop> loop; ///< made at the first request
  std::map<CURL*, running> transfers;

  curl_loop& started();
  void stepped();
  void ended(CURL* easy, CURLcode code);
  awaitable<result<response>> run(const request& what, origin to, std::vector<asio::ip::address> addresses,
                                  base::steady_time end);
  awaitable<result<response>> get(request what);
};

curl_loop& client::impl::started() {
  if (!loop) {
    curl_loop::events tell{[this] { stepped(); }, [this](CURL* easy, CURLcode code) { ended(easy, code); }};
    loop = std::make_unique<curl_loop>(executor, std::move(tell));
  }
  return *loop;
}

void client::impl::stepped() {
  for (auto& [easy, one] : transfers) {
    if (one.of.look()) one.changed.cancel();
    if (one.of.between_addresses()) loop->nudge(easy);
  }
}

void client::impl::ended(CURL* easy, CURLcode code) {
  const auto found = transfers.find(easy);
  if (found == transfers.end()) return;
  found->second.of.finish(code);
  found->second.changed.cancel();
}

awaitable<result<response>> client::impl::run(const request& what, origin to, std::vector<asio::ip::address> addresses,
                                              base::steady_time end) {
  transfer one(what, std::move(to), addresses, socket, started());
  if (one.ended()) co_return *one.ended();
  asio::steady_timer changed(executor);
  // Leaves the loop however this coroutine ends, destroyed with its context included.
  struct membership {
    impl& of;
    transfer& one;
    ~membership() {
      of.loop->remove(one.handle());
      of.transfers.erase(one.handle());
    }
  };
  transfers.emplace(one.handle(), running{one, changed});
  const membership inside{*this, one};
  const auto added = loop->add(one.handle());
  if (added != CURLE_OK) co_return fail(outcome::local_error, curl().easy_strerror(added));
  while (!one.ended()) {
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) co_return fail(outcome::cancelled, {}, one.at());
    const auto now = std::chrono::steady_clock::now();
    if (now >= end) co_return fail(outcome::timed_out, "the whole took too long", one.at());
    if (now >= one.deadline()) {
      auto overdue = one.overdue();
      if (overdue) co_return std::move(*overdue);
    }
    changed.expires_at(std::min(end, one.deadline()));
    (void)co_await changed.async_wait(net::as_result);
  }
  co_return *one.ended();
}

awaitable<result<response>> client::impl::get(request what) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto loaded = load_curl();
  if (!loaded) co_return loaded.error();
  const auto end = std::chrono::steady_clock::now() + what.whole;
  auto to = origin_of(what.url);
  if (!to) co_return std::move(to).error();
  if (what.addresses.empty()) {
    auto found = co_await net::with_deadline(names.resolve(to->host), what.whole, base::stage::resolve);
    if (!found) co_return std::move(found).error();
    what.addresses = std::move(*found);
  }
  if (what.addresses.size() == 1) co_return co_await run(what, std::move(*to), what.addresses, end);
  get_fn one = [this](request by_address) { return get(std::move(by_address)); };
  co_return co_await get_by_address(std::move(one), std::move(what));
}

client::client(asio::any_io_executor executor, net::socket_options socket, resolver& names)
    : impl_(std::make_unique<impl>(std::move(executor), std::move(socket), names)) {}
client::~client() = default;

awaitable<result<response>> client::get(request what) { return impl_->get(std::move(what)); }

std::string client::versions() {
  const auto loaded = load_curl();
  if (!loaded) return fmt::format("no libcurl ({}) c-ares/{}", loaded.error().detail, ares_version(nullptr));
  const auto* about = curl().version_info(CURLVERSION_NOW);
  return fmt::format("libcurl/{} {} c-ares/{}", about->version, about->ssl_version ? about->ssl_version : "no TLS",
                     ares_version(nullptr));
}

} // namespace landfall::http
