#include "sidecar/stream_route.hpp"

#include "trust/limits.hpp"

namespace landfall::sidecar {

namespace {

using net::awaitable;
using net::result;

base::failure at(const stream_route& route, base::failure why) {
  if (!why.where) why.where = route.where;
  return why;
}

http::request request_of(const stream_route& route, const fallback::document_request& asked, net::stream_ptr stream,
                         net::progress_fn tell) {
  http::request out;
  out.url = route.base + trust::document_path(route.network, route.channel, asked.type, asked.root_version);
  out.via = http::carried{route.folder, http::joined_to(std::move(stream))};
  if (asked.unless) out.if_none_match = '"' + asked.unless->hex() + '"';
  out.max_body = trust::max_envelope;
  // libcurl meets our own socket at once: its `connect` would say what the bridge's already said.
  out.progress = [tell = std::move(tell)](base::stage stage) {
    if (tell && stage != base::stage::connect) tell(stage);
  };
  return out;
}

awaitable<result<trust::unverified_document>> fetch(http::client& client, stream_route route,
                                                    fallback::document_request asked, net::progress_fn tell) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  if (route.where && asked.avoid && asked.avoid(*route.where))
    co_return base::fail(base::outcome::cancelled, "the bridge is under a penalty", base::stage::connect);
  auto opening = route.open(tell);
  auto stream = co_await std::move(opening);
  if (!stream) co_return at(route, std::move(stream).error());
  auto request = request_of(route, asked, std::move(*stream), std::move(tell));
  auto getting = client.get(std::move(request));
  auto got = co_await std::move(getting);
  if (!got && route.judge) {
    auto judging = route.judge(std::move(got).error());
    auto judged = co_await std::move(judging);
    co_return at(route, std::move(judged));
  }
  if (!got) co_return at(route, std::move(got).error());
  co_return trust::unverified_document{std::move(got->body)};
}

} // namespace

fallback::fetch_fn over_streams(http::client& client, stream_route route) {
  return [route = std::move(route), client = &client](fallback::document_request asked, net::progress_fn tell) {
    return fetch(*client, route, std::move(asked), std::move(tell));
  };
}

} // namespace landfall::sidecar
