#include "sidecar/api_session.hpp"

#include "net/deadline.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <sys/socket.h>

#include <array>
#include <sstream>

namespace landfall::sidecar {

namespace http = boost::beast::http;
namespace asio = net::asio;
using net::as_result;
using net::awaitable;
using net::result;

namespace {

constexpr std::size_t read_buffer = 16 * 1024; ///< a header and a piece of a body
constexpr std::size_t most_drained = 4 * 1024 * 1024;
constexpr std::chrono::seconds drain_time{1};

std::string text_of(const api_answer& answer, bool keep_alive) {
  http::response<http::string_body> response{static_cast<http::status>(answer.status), 11, answer.body};
  if (!answer.body.empty()) response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(keep_alive);
  // 204 has neither body nor length (RFC 9110, 15.3.5).
  if (answer.status != 204) response.prepare_payload();
  std::ostringstream out;
  out << response;
  return out.str();
}

} // namespace

api_session::api_session(api_server& server, api_server::protocol::socket socket)
    : server_(server), socket_(std::move(socket)), buffer_(read_buffer) {}

void api_session::stop() {
  if (stream_ != nullptr) stream_->close();
  if (!idle_) return;
  net::error_code ignored;
  socket_.cancel(ignored);
}

bool api_session::allowed() const {
  ucred who{};
  socklen_t size = sizeof(who);
  const int fd = const_cast<api_server::protocol::socket&>(socket_).native_handle();
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return false;
  return server_.allowed_.contains(who.uid);
}

awaitable<void> api_session::run() {
  if (allowed()) {
    for (bool go_on = true; go_on;) go_on = co_await one_request();
  } else {
    const api_error error{403, "forbidden", "this user may not use this sidecar", "add the uid to sidecar.api_uids"};
    (void)co_await write_answer(answer_of(error), false);
    co_await linger();
  }
  net::error_code ignored;
  socket_.close(ignored);
}

awaitable<bool> api_session::one_request() {
  const bool asked = co_await wait_for_request();
  if (!asked) co_return false;
  request_parser parser;
  parser.header_limit(static_cast<std::uint32_t>(server_.limits_.header));
  parser.body_limit(server_.limits_.body);
  const auto ended = co_await net::with_deadline(read(parser), server_.limits_.request, base::stage::request);
  if (!ended) {
    if (ended.error().what == base::outcome::timed_out) {
      const api_error error{408, "bad_request", "the request did not arrive in time", "send it in one piece"};
      (void)co_await write_answer(answer_of(error), false);
      co_await linger();
    }
    co_return false;
  }
  ++requests_;
  if (*ended) co_return co_await refuse(*ended);
  co_return co_await respond(parser);
}

awaitable<bool> api_session::wait_for_request() {
  if (server_.stopping_) co_return false;
  if (buffer_.size() > 0) co_return true; // pipelined
  idle_ = true;
  const auto ready = co_await net::with_deadline(readable(), server_.limits_.idle, base::stage::none);
  idle_ = false;
  co_return ready.has_value() && !server_.stopping_;
}

awaitable<result<void>> api_session::readable() {
  const auto [ec] = co_await socket_.async_wait(api_server::protocol::socket::wait_read, as_result);
  if (ec) co_return net::failure_of(ec, base::stage::none);
  co_return result<void>();
}

awaitable<result<net::error_code>> api_session::read(request_parser& parser) {
  const auto [header_error, header_size] = co_await http::async_read_header(socket_, buffer_, parser, as_result);
  (void)header_size;
  if (header_error) co_return header_error;
  if (parser.get()[http::field::expect] == "100-continue" && !parser.is_done()) {
    const auto asked = co_await write_all("HTTP/1.1 100 Continue\r\n\r\n");
    if (!asked) co_return asked.error();
  }
  const auto [body_error, body_size] = co_await http::async_read(socket_, buffer_, parser, as_result);
  (void)body_size;
  co_return body_error;
}

awaitable<bool> api_session::refuse(net::error_code why) {
  api_error error{400, "bad_request", "this is not an HTTP/1.1 request", "see docs/API.md"};
  if (why == http::error::end_of_stream) co_return false;
  if (why == http::error::body_limit)
    error = {413, "too_large", "the body is larger than 64 KiB", "no request needs as much"};
  else if (why == http::error::header_limit || why == http::error::buffer_overflow)
    error = {431, "too_large", "the header is larger than 8 KiB", "no request needs as much"};
  else if (why == http::error::partial_message)
    error = {400, "bad_request", "the request was cut short", "send as many bytes as Content-Length says"};
  else if (why.category() != make_error_code(http::error::end_of_stream).category())
    co_return false; // the connection broke: nobody to tell
  (void)co_await write_answer(answer_of(error), false);
  co_await linger();
  co_return false;
}

awaitable<bool> api_session::respond(const request_parser& parser) {
  const auto& request = parser.get();
  const auto method = request.method_string();
  const auto target = request.target();
  auto parsed = parse_call({method.data(), method.size()}, {target.data(), target.size()}, request.body());
  const bool keep_alive =
      request.keep_alive() && !server_.stopping_ && requests_ < server_.limits_.requests_per_connection;
  if (const auto* error = std::get_if<api_error>(&parsed))
    co_return co_await write_answer(answer_of(*error), keep_alive);
  auto call = std::move(std::get<api_call>(parsed));
  if (std::holds_alternative<get_events>(call)) {
    co_await stream_events();
    co_return false;
  }
  auto answer = co_await ask(std::move(call));
  if (!answer) co_return false;
  const bool go_on = keep_alive && !server_.stopping_;
  co_return co_await write_answer(std::move(*answer), go_on);
}

awaitable<std::optional<api_answer>> api_session::ask(api_call call) {
  net::scope children(co_await asio::this_coro::executor);
  std::optional<api_answer> out;
  children.spawn(ask_handler(std::move(call), out));
  if (!out) children.spawn(until_hang_up());
  for (bool cancelled = false; !out && !gone_ && !cancelled;) {
    co_await children.wait();
    cancelled = co_await net::was_cancelled();
  }
  children.cancel();
  co_await children.join();
  co_return out;
}

awaitable<void> api_session::ask_handler(api_call call, std::optional<api_answer>& out) {
  auto answer = co_await server_.handler_.answer(std::move(call));
  const bool cancelled = co_await net::was_cancelled();
  if (!cancelled) out = std::move(answer);
}

awaitable<void> api_session::until_hang_up() {
  // wait_error is EPOLLHUP: the client closed. A client that only shut its sending side still reads the answer.
  const auto [ec] = co_await socket_.async_wait(api_server::protocol::socket::wait_error, as_result);
  if (!ec) gone_ = true;
}

awaitable<void> api_session::stream_events() {
  if (server_.streams_ >= server_.limits_.event_streams) {
    const api_error error{503, "busy", "too many event streams are open", "close one"};
    (void)co_await write_answer(answer_of(error), false);
    co_return;
  }
  ++server_.streams_;
  server_.handler_.answered(200);
  event_queue queue(server_.events_, co_await asio::this_coro::executor);
  stream_ = &queue;
  bool going = co_await write_text("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                                   "Connection: close\r\n\r\n: landfall\n\n");
  while (going && !server_.stopping_) {
    const auto next = co_await net::with_deadline(queue.next(), server_.limits_.heartbeat, base::stage::none);
    if (!next && next.error().what != base::outcome::timed_out) break;
    // The comment finds out whether somebody still reads. (No ?: inside co_await: g++ 12 destroys its operands twice.)
    std::string text = next ? *next : ":\n\n";
    going = co_await write_text(std::move(text));
  }
  stream_ = nullptr;
  --server_.streams_;
}

awaitable<bool> api_session::write_answer(api_answer answer, bool keep_alive) {
  server_.handler_.answered(answer.status);
  const bool written = co_await write_text(text_of(answer, keep_alive));
  co_return written&& keep_alive;
}

awaitable<bool> api_session::write_text(std::string text) {
  const auto written =
      co_await net::with_deadline(write_all(std::move(text)), server_.limits_.write, base::stage::none);
  co_return written.has_value();
}

awaitable<result<void>> api_session::write_all(std::string text) {
  const auto [ec, size] = co_await asio::async_write(socket_, asio::buffer(text), as_result);
  (void)size;
  if (ec) co_return net::failure_of(ec, base::stage::none);
  co_return result<void>();
}

awaitable<void> api_session::linger() {
  net::error_code ec;
  socket_.shutdown(api_server::protocol::socket::shutdown_send, ec);
  if (!ec) (void)co_await net::with_deadline(drain(), drain_time, base::stage::none);
}

awaitable<result<void>> api_session::drain() {
  std::array<char, 4096> thrown_away{};
  for (std::size_t total = 0; total < most_drained;) {
    const auto [ec, size] = co_await socket_.async_read_some(asio::buffer(thrown_away), as_result);
    if (ec) co_return net::failure_of(ec, base::stage::none);
    total += size;
  }
  co_return result<void>();
}

} // namespace landfall::sidecar
