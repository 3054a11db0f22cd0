#include "sidecar/api_client.hpp"

#include "base/json.hpp"
#include "net/deadline.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <exception>
#include <optional>

namespace landfall::sidecar {

namespace asio = net::asio;
namespace http = boost::beast::http;
using base::fail;
using base::outcome;
using net::as_result;
using net::awaitable;
using net::result;
using protocol = asio::local::stream_protocol;

namespace {

constexpr std::size_t max_event = 64 * 1024;
constexpr std::chrono::seconds head_limit{5};

base::failure failed(const net::error_code& ec) {
  // No socket, or nobody behind it: both mean that no sidecar runs.
  if (ec == boost::system::errc::no_such_file_or_directory) return fail(outcome::refused, ec.message());
  if (ec == http::error::body_limit) return fail(outcome::too_large, "the answer is larger than 1 MiB");
  if (ec.category() == make_error_code(http::error::end_of_stream).category())
    return fail(outcome::malformed, "the answer is not HTTP/1.1");
  return net::failure_of(ec, base::stage::none);
}

awaitable<result<void>> send(protocol::socket& socket, const std::filesystem::path& path,
                             const api_question& question) {
  if (path.native().size() >= sizeof(sockaddr_un::sun_path)) co_return fail(outcome::refused, "the path is too long");
  const auto [connect_error] = co_await socket.async_connect(protocol::endpoint(path.native()), as_result);
  if (connect_error) co_return failed(connect_error);
  http::request<http::string_body> request{http::string_to_verb(question.method), question.target, 11, question.body};
  request.set(http::field::host, "landfall");
  request.keep_alive(false);
  request.prepare_payload();
  const auto [write_error, size] = co_await http::async_write(socket, request, as_result);
  (void)size;
  if (write_error) co_return failed(write_error);
  co_return result<void>();
}

awaitable<result<api_reply>> exchange(std::filesystem::path path, api_question question) {
  protocol::socket socket(co_await asio::this_coro::executor);
  const auto sent = co_await send(socket, path, question);
  if (!sent) co_return sent.error();
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(max_reply);
  const auto [ec, size] = co_await http::async_read(socket, buffer, parser, as_result);
  (void)size;
  if (ec) co_return failed(ec);
  api_reply reply{parser.get().result_int(), std::move(parser.get().body())};
  co_return reply;
}

/// Takes the first whole event off `text`; nullopt when more bytes are needed.
std::optional<std::string> take_block(std::string& text) {
  const auto end = text.find("\n\n");
  if (end == std::string::npos) return std::nullopt;
  std::string block = text.substr(0, end + 1);
  text.erase(0, end + 2);
  return block;
}

awaitable<result<boost::beast::flat_buffer>> open_stream(protocol::socket& socket, std::filesystem::path path) {
  const api_question question("GET", "/v1/events");
  const auto sent = co_await send(socket, path, question);
  if (!sent) co_return sent.error();
  boost::beast::flat_buffer buffer;
  http::response_parser<http::empty_body> parser;
  const auto [ec, size] = co_await http::async_read_header(socket, buffer, parser, as_result);
  (void)size;
  if (ec) co_return failed(ec);
  if (parser.get().result_int() != 200) co_return fail(outcome::http_status, "the sidecar gives no events");
  co_return std::move(buffer);
}

} // namespace

awaitable<result<api_reply>> ask(std::filesystem::path socket, api_question question, std::chrono::milliseconds limit) {
  auto asking = exchange(std::move(socket), std::move(question));
  co_return co_await net::with_deadline(std::move(asking), limit, base::stage::none);
}

result<api_reply> ask_now(const std::filesystem::path& socket, api_question question, std::chrono::milliseconds limit) {
  asio::io_context io(1);
  result<api_reply> out = fail(outcome::cancelled);
  auto asking = ask(socket, std::move(question), limit);
  const auto on_end = [&out](const std::exception_ptr& bug, result<api_reply> reply) {
    if (bug) std::rethrow_exception(bug);
    out = std::move(reply);
  };
  asio::co_spawn(io, std::move(asking), on_end);
  io.run();
  return out;
}

awaitable<result<void>> follow_events(std::filesystem::path path, std::function<bool(const event&)> tell) {
  protocol::socket socket(co_await asio::this_coro::executor);
  auto opening = open_stream(socket, std::move(path));
  auto opened = co_await net::with_deadline(std::move(opening), head_limit, base::stage::none);
  if (!opened) co_return opened.error();
  const auto begun = opened->data();
  std::string text(static_cast<const char*>(begun.data()), begun.size());
  std::array<char, 4096> piece{};
  for (;;) {
    while (const auto block = take_block(text)) {
      const auto happened = parse_event(*block);
      if (happened && !tell(*happened)) co_return result<void>();
    }
    if (text.size() > max_event) co_return fail(outcome::too_large, "an event is larger than 64 KiB");
    const auto [ec, size] = co_await socket.async_read_some(asio::buffer(piece), as_result);
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) co_return fail(outcome::cancelled);
    if (ec == asio::error::eof) co_return result<void>();
    if (ec) co_return failed(ec);
    text.append(piece.data(), size);
  }
}

std::optional<event> parse_event(std::string_view text) {
  constexpr std::string_view name_field = "event: ", data_field = "data: ";
  constexpr std::size_t depth = 8;
  event out;
  bool has_data = false;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with(name_field)) out.name = line.substr(name_field.size());
    if (!line.starts_with(data_field)) continue;
    auto data = base::parse_json(line.substr(data_field.size()), depth);
    if (!data || !data->is_object()) return std::nullopt;
    out.data = std::move(data->get_object());
    has_data = true;
  }
  if (out.name.empty() || !has_data) return std::nullopt;
  return out;
}

} // namespace landfall::sidecar
