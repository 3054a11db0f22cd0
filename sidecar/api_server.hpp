// The local API's server: HTTP/1.1 on the Unix socket (Boost.Beast), one coroutine per connection.
//
// Who may ask: our own uid, root, and `api_uids`, by SO_PEERCRED; others get 403 and are closed before a byte of theirs
// is parsed. What a client can make us hold is bounded: header 8 KiB, body 64 KiB (413 before closing), 64 connections,
// 16 of them event streams, 256 waiting events each, 1 000 requests per connection. What a client can make us wait for
// is bounded: 10 s for a request, 60 s between two, 5 s for it to take a piece of an answer.
#pragma once

#include "net/scope.hpp"
#include "sidecar/api_routes.hpp"
#include "sidecar/events.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <list>
#include <set>
#include <string>

namespace landfall::sidecar {

struct api_answer {
  // A constructor, since g++ 12 destroys aggregates twice that are built inside co_await and co_return.
  explicit api_answer(unsigned number, std::string text = {}, std::string type = "application/json")
      : status(number), body(std::move(text)), content_type(std::move(type)) {}
  unsigned status;
  std::string body, content_type;
};

/// {"error","message","hint"}
[[nodiscard]] api_answer answer_of(const api_error& error);

/// What stands behind the API. Tests give a fake.
struct api_handler {
  virtual ~api_handler() = default;
  /// Any call but get_events. Ends early when cancelled (the client has gone).
  [[nodiscard]] virtual net::awaitable<api_answer> answer(api_call call) = 0;
  /// Told of every answer, errors of the server included.
  virtual void answered(unsigned /*status*/) {}
};

struct api_limits {
  std::size_t header = 8 * 1024, body = 64 * 1024;
  std::size_t connections = 64, event_streams = 16, requests_per_connection = 1000;
  std::chrono::milliseconds request{10'000}, idle{60'000}, write{5'000}, heartbeat{15'000};
};

class api_session;

class api_server {
public:
  using protocol = net::asio::local::stream_protocol;

  /// `listening`: a descriptor as api_socket::release() gives; closed by us.
  api_server(net::asio::any_io_executor executor, int listening, api_handler& handler, event_bus& events,
             std::set<uid_t> allowed, api_limits limits = {});

  /// Serves until stop() and the end of all connections, or until cancelled: then connections are closed at once.
  [[nodiscard]] net::awaitable<void> run();
  /// No new connections or requests; answers under way are finished, event streams end.
  void stop();

private:
  friend class api_session;
  [[nodiscard]] net::awaitable<void> serve(protocol::socket socket);

  net::asio::any_io_executor executor_;
  protocol::acceptor acceptor_;
  api_handler& handler_;
  event_bus& events_;
  std::set<uid_t> allowed_;
  api_limits limits_;
  std::list<api_session*> sessions_;
  bool stopping_ = false;
  std::size_t streams_ = 0;
};

} // namespace landfall::sidecar
