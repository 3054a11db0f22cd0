#include "http/resolver.hpp"

#include "config/host.hpp"
#include "http/client.hpp"
#include "http/dns_plain.hpp"
#include "http/doh.hpp"
#include "http/happy.hpp"
#include "net/deadline.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

namespace landfall::http {

namespace {

using base::fail;
using base::outcome;
using base::stage;
using namespace std::chrono_literals;
using addresses = std::vector<asio::ip::address>;

constexpr auto resolution_delay = 50ms; // RFC 8305 §8
constexpr auto rest = 10s;              // of a resolver that failed: it will not be another one a moment later
constexpr std::size_t max_plain = 3;    // as many as resolv.conf may name

/// In the form that policies compare: lower case, without the dot at the end.
std::string plain_form(std::string name) {
  name = config::lower(name);
  if (name.ends_with('.')) name.pop_back();
  return name;
}

addresses at_most(addresses found, std::size_t most) {
  if (found.size() > most) found.resize(most);
  return found;
}

addresses loopback() { return {asio::ip::address_v6::loopback(), asio::ip::address_v4::loopback()}; }

/// A resolver over HTTPS, and what is known of it since its connections were closed last.
struct doh_peer {
  doh_peer(doh_server where, const asio::any_io_executor& on, const net::socket_options& socket, resolver& names)
      : at(std::move(where)), https(on, socket, names, connections::shared) {}

  doh_server at;
  client https;       ///< never looks a name up: its requests carry addresses
  bool heard = false; ///< it answered the SYN
  std::optional<base::steady_time> failed{};

  void forget() {
    heard = false;
    failed.reset();
  }
  [[nodiscard]] bool rests() const { return failed && std::chrono::steady_clock::now() < *failed + rest; }
};

/// What is asked, the same for all lanes.
struct question {
  std::string name;
  std::vector<record_type> types; ///< the last one is not kept waiting by the others
  std::vector<std::string> plain; ///< resolvers that may be asked in plaintext
};

} // namespace

struct resolver::impl {
  impl(resolver& self, const asio::any_io_executor& on, resolver_options with)
      : executor(on), options(std::move(with)) {
    for (const auto& one : options.doh)
      if (auto parsed = doh_server::parse(one)) servers.emplace_back(std::move(*parsed), on, options.socket, self);
  }

  asio::any_io_executor executor;
  resolver_options options;
  std::deque<doh_peer> servers; ///< they stay where they are
  std::uint64_t era = 0;        ///< grows when the connections are closed: what older look-ups learn is not about now

  awaitable<result<dns_answer>> over_https(std::size_t server, question what);
  awaitable<result<dns_answer>> in_plaintext(std::string server, question what);
  awaitable<result<dns_answer>> run_lane(std::size_t lane, question what);
  awaitable<result<dns_answer>> race(question what);
  awaitable<result<dns_answer>> ask(question what, name_kind kind);
  awaitable<result<addresses>> resolve(std::string name, name_kind kind);
};

awaitable<result<dns_answer>> resolver::impl::over_https(std::size_t server, question what) {
  co_await asio::this_coro::throw_if_cancelled(false);
  auto& by = servers[server];
  if (by.rests()) co_return fail(outcome::unreachable, "this resolver failed a moment ago", stage::resolve);
  const auto since = era;
  net::scope children(executor);
  std::vector<std::optional<result<dns_answer>>> parts(what.types.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    doh_question one{what.name, what.types[i], by.at, options.doh_ca, options.timeout / 2};
    one.heard = [&by, since, this] { by.heard = by.heard || since == era; };
    children.spawn(net::detail::keep(ask_doh(by.https, std::move(one)), parts[i]));
  }
  auto until = base::steady_time::max();
  bool cancelled = co_await net::was_cancelled();
  while (children.running() > 0 && !cancelled && std::chrono::steady_clock::now() < until) {
    co_await children.wait(until);
    cancelled = co_await net::was_cancelled();
    const auto& last = parts.back();
    if (last && *last && !(*last)->empty() && until == base::steady_time::max())
      until = std::chrono::steady_clock::now() + resolution_delay;
  }
  std::vector<result<dns_answer>> came;
  for (auto& part : parts)
    if (part) came.push_back(std::move(*part));
  children.cancel();
  co_await children.join();
  const bool late = co_await net::was_cancelled();
  if (cancelled || late) co_return fail(outcome::cancelled, {}, stage::resolve);
  auto merged = merge(came);
  if (merged) co_return only_public(std::move(*merged), options.lab);
  if (merged.error().what != outcome::local_error && since == era) {
    by.forget();
    by.failed = std::chrono::steady_clock::now();
  }
  co_return merged;
}

awaitable<result<dns_answer>> resolver::impl::in_plaintext(std::string server, question what) {
  plain_question asked{what.name, what.types, server, options.socket, options.timeout / 2};
  auto heard = co_await ask_plain(executor, std::move(asked));
  if (!heard) co_return std::move(heard).error();
  co_return judge(*heard, options.lab);
}

awaitable<result<dns_answer>> resolver::impl::run_lane(std::size_t lane, question what) {
  if (lane < servers.size()) {
    auto op = over_https(lane, std::move(what));
    co_return co_await std::move(op);
  }
  auto server = what.plain[lane - servers.size()];
  auto op = in_plaintext(std::move(server), std::move(what));
  co_return co_await std::move(op);
}

awaitable<result<dns_answer>> resolver::impl::race(question what) {
  ask_plan plan(servers.size(), what.plain.size(), [this](std::size_t lane) { return servers[lane].heard; });
  std::function<awaitable<result<dns_answer>>(std::size_t, net::progress_fn)> lanes =
      [this, what](std::size_t lane, const net::progress_fn&) { return run_lane(lane, what); };
  auto op = net::race(plan, std::move(lanes), base::system_clock());
  const auto raced = co_await std::move(op);
  if (!raced) co_return raced.error();
  co_return plan.answer();
}

awaitable<result<dns_answer>> resolver::impl::ask(question what, name_kind kind) {
  switch (way_for(what.name, kind)) {
  case way_to_ask::never: co_return fail(outcome::unreachable, "onion names are never looked up", stage::resolve);
  case way_to_ask::here: co_return fail(outcome::unreachable, "a name of this machine", stage::resolve);
  case way_to_ask::over_https: break;
  case way_to_ask::any:
    what.plain = options.servers.empty() ? read_system(what.name).servers : options.servers;
    if (what.plain.size() > max_plain) what.plain.resize(max_plain);
    break;
  }
  if (options.behind_proxy)
    co_return fail(outcome::local_error, "names are the upstream proxy's to look up", stage::resolve);
  if (servers.empty() && what.plain.empty())
    co_return fail(outcome::local_error, "dns.doh names nobody, and this name may not be asked for in plaintext",
                   stage::resolve);
  auto op = race(std::move(what));
  co_return co_await net::with_deadline(std::move(op), options.timeout, stage::resolve);
}

awaitable<result<addresses>> resolver::impl::resolve(std::string name, name_kind kind) {
  net::error_code not_a_literal;
  const auto literal = asio::ip::make_address(name, not_a_literal);
  if (!not_a_literal) co_return addresses{literal};
  if (!is_dns_name(name)) co_return fail(outcome::malformed, "not a host name", stage::resolve);
  question what{plain_form(std::move(name)), {record_type::aaaa, record_type::a}, {}};
  const auto way = way_for(what.name, kind);
  if (way != way_to_ask::never) {
    auto hosts = read_system(what.name).hosts;
    if (hosts.empty() && way == way_to_ask::here) hosts = loopback();
    if (!hosts.empty()) co_return at_most(order_addresses(hosts), max_addresses);
  }
  auto op = ask(std::move(what), kind);
  auto answer = co_await std::move(op);
  if (!answer) co_return std::move(answer).error();
  if (!answer->exists) co_return fail(outcome::unreachable, "there is no such name", stage::resolve);
  if (answer->addresses.empty()) co_return fail(outcome::unreachable, "the name has no address", stage::resolve);
  co_return at_most(order_addresses(answer->addresses), max_addresses);
}

resolver::resolver(asio::any_io_executor executor, resolver_options options)
    : impl_(std::make_unique<impl>(*this, executor, std::move(options))) {}
resolver::~resolver() = default;

void resolver::close_connections() noexcept {
  ++impl_->era;
  for (auto& one : impl_->servers) {
    one.https.close_connections();
    one.forget();
  }
}

awaitable<result<addresses>> resolver::resolve(std::string name, name_kind kind) {
  return impl_->resolve(std::move(name), kind);
}

awaitable<result<dns_answer>> resolver::ask(std::string name, record_type type, name_kind kind) {
  if (!is_dns_name(name)) co_return fail(outcome::malformed, "not a name that can be asked for", stage::resolve);
  question what{plain_form(std::move(name)), {type}, {}};
  auto op = impl_->ask(std::move(what), kind);
  co_return co_await std::move(op);
}

} // namespace landfall::http
