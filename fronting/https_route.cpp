#include "fronting/https_route.hpp"

#include "fronting/ranges.hpp"
#include "trust/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace landfall::fronting {

namespace {

using base::fail;
using base::outcome;

/// The text of a Host header: the port where it is not the usual one.
std::string host_of(const config::url& url) {
  const bool v6 = url.host.find(':') != url.host.npos;
  const auto name = v6 ? "[" + url.host + "]" : url.host;
  return url.port == 443 ? name : fmt::format("{}:{}", name, url.port);
}

/// Which front it was, and where, in a failure that may know only the latter.
base::failure at_front(base::failure why, const config::front* front, std::optional<base::place> where = {}) {
  if (where && !why.where) why.where = std::move(where);
  if (!front) return why;
  if (!why.where) why.where = base::place{{}, front->port, {}};
  why.where->front = front->name;
  return why;
}

/// The document through one front, or directly; on as many connections as it takes, one after the other.
awaitable<result<trust::unverified_document>> fetch_at(http::client& client, http::request what,
                                                       const config::front* front, trust::document_type type,
                                                       base::steady_time end) {
  range_plan plan(what.max_body);
  for (;;) {
    auto step = plan.next();
    if (auto* done = std::get_if<range_plan::done>(&step))
      co_return trust::unverified_document{std::move(done->body), done->in_parts};
    if (auto* failed = std::get_if<base::failure>(&step)) co_return at_front(std::move(*failed), front);
    const auto now = std::chrono::steady_clock::now();
    if (now >= end) co_return at_front(fail(outcome::timed_out, "the whole took too long", base::stage::body), front);
    what.range = std::get<range_plan::ask>(step).range;
    what.whole = std::chrono::ceil<std::chrono::milliseconds>(end - now);
    auto getting = client.get(what);
    auto got = co_await std::move(getting);
    if (!got && front) got = judged(got.error(), type);
    if (got && front && is_own_page(*got))
      co_return at_front(fail(outcome::front_refused, "its own page", base::stage::body, 200), front, got->where);
    plan.took(std::move(got));
  }
}

awaitable<result<trust::unverified_document>> fetch_by_fronts(http::client& client, https_fetch what,
                                                              base::steady_time end) {
  const auto at = what.front_at ? what.front_at : std::make_shared<std::size_t>(0);
  std::optional<base::failure> last;
  for (const auto index : rotation(what.fronts, *at, what.avoid)) {
    const auto& front = what.fronts[index];
    auto request = request_of(what, &front);
    auto trying = fetch_at(client, std::move(request), &front, what.type, end);
    auto got = co_await std::move(trying);
    const bool cancelled = co_await net::was_cancelled();
    // Not cancelled, and yet so: `avoid` left no address of this front.
    const bool avoided = !cancelled && !got && got.error().what == outcome::cancelled;
    const bool next = avoided || (!cancelled && !got && tries_another(got.error().what));
    *at = next ? index + 1 : index;
    if (last && !avoided && what.gave_up) what.gave_up(*last);
    if (!next) co_return got;
    if (!avoided) last = std::move(got).error();
    if (std::chrono::steady_clock::now() >= end) break;
  }
  co_return last.value_or(fail(outcome::cancelled, "every front is under a penalty", base::stage::connect));
}

} // namespace

http::request request_of(const https_fetch& what, const config::front* front) {
  http::request out;
  auto to = what.url;
  if (front) {
    to.host = front->name;
    to.port = front->port;
    out.host = host_of(what.url);
    if (front->address) out.addresses = {http::asio::ip::make_address(*front->address)};
  }
  out.url = to.reveal() + trust::document_path(what.network, what.channel, what.type, what.root_version);
  if (what.avoid)
    out.avoid = [avoid = what.avoid, name = front ? front->name : std::string()](const base::place& where) {
      return avoid({where.address, where.port, name});
    };
  out.via = what.via;
  if (what.unless) out.if_none_match = '"' + what.unless->hex() + '"';
  out.max_body = trust::max_envelope;
  out.keep_partial = true;
  out.ca_file = what.tls.ca;
  out.pins = what.tls.pins;
  out.sni = what.tls.sni;
  out.split_hello = what.tls.split_hello;
  if (what.now != 0) out.tls_time = what.now;
  out.ignore_dates = what.ignore_dates;
  out.connect = what.deadlines.connect;
  out.tls = what.deadlines.tls;
  out.first_byte = what.deadlines.first_byte;
  out.whole = what.deadlines.whole;
  out.progress = what.progress;
  out.seen = what.seen;
  return out;
}

awaitable<result<trust::unverified_document>> fetch(http::client& client, https_fetch what) {
  co_await http::asio::this_coro::throw_if_cancelled(false);
  // Asked for and not there: to go without it would show what the user wanted hidden.
  if (!what.tls.profile.empty()) {
    co_return fail(outcome::local_error, "this version imitates no browser: take 'profile' out of the route");
  }
  const auto end = std::chrono::steady_clock::now() + what.deadlines.whole;
  const auto type = what.type;
  if (what.fronts.empty()) {
    auto request = request_of(what, nullptr);
    auto trying = fetch_at(client, std::move(request), nullptr, type, end);
    auto got = co_await std::move(trying);
    co_return got;
  }
  auto trying = fetch_by_fronts(client, std::move(what), end);
  auto got = co_await std::move(trying);
  co_return got;
}

} // namespace landfall::fronting
