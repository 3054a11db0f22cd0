// One connection of the local API, from its first byte to its close. Used by api_server alone.
#pragma once

#include "sidecar/api_server.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace landfall::sidecar {

class api_session {
public:
  api_session(api_server& server, api_server::protocol::socket socket);
  [[nodiscard]] net::awaitable<void> run();
  /// Ends at once when between two requests or in an event stream; else after the answer under way.
  void stop();

private:
  using request_parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  [[nodiscard]] bool allowed() const;
  /// True to go on with the next request.
  [[nodiscard]] net::awaitable<bool> one_request();
  [[nodiscard]] net::awaitable<bool> wait_for_request();
  [[nodiscard]] net::awaitable<net::result<void>> readable();
  [[nodiscard]] net::awaitable<net::result<net::error_code>> read(request_parser& parser);
  [[nodiscard]] net::awaitable<bool> refuse(net::error_code why);
  [[nodiscard]] net::awaitable<bool> respond(const request_parser& parser);
  /// Nothing when the client went away or we were cancelled.
  [[nodiscard]] net::awaitable<std::optional<api_answer>> ask(api_call call);
  [[nodiscard]] net::awaitable<void> ask_handler(api_call call, std::optional<api_answer>& out);
  [[nodiscard]] net::awaitable<void> until_hang_up();
  [[nodiscard]] net::awaitable<void> stream_events();
  [[nodiscard]] net::awaitable<bool> write_answer(api_answer answer, bool keep_alive);
  [[nodiscard]] net::awaitable<bool> write_text(std::string text);
  [[nodiscard]] net::awaitable<net::result<void>> write_all(std::string text);
  /// Closes so that a client that still sends gets to read our answer first.
  [[nodiscard]] net::awaitable<void> linger();
  [[nodiscard]] net::awaitable<net::result<void>> drain();

  api_server& server_;
  api_server::protocol::socket socket_;
  boost::beast::flat_buffer buffer_;
  event_queue* stream_ = nullptr; ///< while streaming
  std::size_t requests_ = 0;
  bool idle_ = false, gone_ = false;
};

} // namespace landfall::sidecar
