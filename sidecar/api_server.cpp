#include "sidecar/api_server.hpp"

#include "base/log.hpp"
#include "net/deadline.hpp"
#include "sidecar/api_session.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace landfall::sidecar {

namespace asio = net::asio;
using net::as_result;
using net::awaitable;

namespace {

constexpr std::chrono::milliseconds accept_pause{100}; ///< after a shortage of descriptors

/// One non-blocking attempt: a client that comes when all places are taken must not cost us anything.
void turn_away(api_server::protocol::socket& socket) {
  const auto body = answer_of({503, "busy", "too many connections are open", "close some"}).body;
  const auto text = fmt::format("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                                "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                                body.size(), body);
  net::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
}

} // namespace

api_answer answer_of(const api_error& error) {
  const boost::json::object body{{"error", error.name}, {"message", error.message}, {"hint", error.hint}};
  return api_answer(error.status, boost::json::serialize(body));
}

api_server::api_server(asio::any_io_executor executor, int listening, api_handler& handler, event_bus& events,
                       std::set<uid_t> allowed, api_limits limits)
    : executor_(executor), acceptor_(executor, protocol(), listening), handler_(handler), events_(events),
      allowed_(std::move(allowed)), limits_(limits) {}

awaitable<void> api_server::serve(protocol::socket socket) {
  api_session session(*this, std::move(socket));
  const auto place = sessions_.insert(sessions_.end(), &session);
  co_await session.run();
  sessions_.erase(place);
}

awaitable<void> api_server::run() {
  net::scope connections(executor_);
  bool cancelled = co_await net::was_cancelled();
  while (!stopping_ && !cancelled) {
    auto [ec, socket] = co_await acceptor_.async_accept(as_result);
    cancelled = co_await net::was_cancelled();
    if (stopping_ || cancelled) break;
    if (ec) {
      base::log(base::level::warning, "API: cannot accept a connection: {}", ec.message());
      (void)co_await net::sleep_for(accept_pause);
    } else if (connections.running() >= limits_.connections) {
      handler_.answered(503);
      turn_away(socket);
    } else {
      connections.spawn(serve(std::move(socket)));
    }
  }
  net::error_code ignored;
  acceptor_.close(ignored);
  co_await connections.join();
}

void api_server::stop() {
  stopping_ = true;
  net::error_code ignored;
  acceptor_.close(ignored);
  for (auto* session : sessions_) session->stop();
}

} // namespace landfall::sidecar
