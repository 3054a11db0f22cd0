// Ranges: Content-Range as text, and what http::client makes of answers to a Range.
#include "http/client.hpp"
#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/run.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using net::asio::awaitable;

namespace {

awaitable<net::result<http::response>> asked(fakes::behaviour behave, http::request what) {
  const auto executor = co_await net::asio::this_coro::executor;
  http::resolver names(executor, {});
  http::client client(executor, {}, names);
  fakes::hostile_server server(executor, std::move(behave));
  net::scope children(executor);
  children.spawn(server.serve());
  what.url = "http://127.0.0.1:" + std::to_string(server.port()) + "/";
  what.max_body = 4096;
  what.low_speed_time = 1s;
  auto asking = client.get(std::move(what));
  auto got = co_await std::move(asking);
  children.cancel();
  co_await children.join();
  co_return got;
}

http::request for_bytes(std::uint64_t first, std::uint64_t last) {
  http::request out;
  out.range = http::byte_range{first, last};
  return out;
}

std::string part(const std::string& lines, const std::string& body) {
  return "HTTP/1.1 206 Partial Content\r\n" + lines + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

/// Says the header line "Range" back.
awaitable<void> echo_range(fakes::tcp::socket peer) {
  const auto request = co_await fakes::first_flight(peer);
  const auto at = request.find("Range: ");
  const auto line = at == request.npos ? std::string("none") : request.substr(at, request.find("\r\n", at) - at);
  const auto answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(line.size()) + "\r\n\r\n" + line;
  (void)co_await net::asio::async_write(peer, net::asio::buffer(answer), net::as_result);
}

} // namespace

TEST_CASE("Content-Range as servers write it") {
  struct row {
    std::string text;
    std::optional<http::content_range> expected;
  };
  const row rows[] = {
      {"bytes 0-0/1", http::content_range{{0, 0}, 1}},
      {"bytes 6144-12287/40960", http::content_range{{6144, 12287}, 40960}},
      {"bytes 0-40959/40960", http::content_range{{0, 40959}, 40960}},
      {"bytes 0-40960/40960", {}},
      {"bytes 2-1/40960", {}},
      {"bytes 0-1/*", {}},
      {"bytes */40960", {}},
      {"bytes 0-1/0", {}},
      {"bytes=0-1/2", {}},
      {"bytes 0-1/2 ", {}},
      {"bytes  0-1/2", {}},
      {"bytes -1/2", {}},
      {"bytes 00-1/2", {}},
      {"bytes +0-1/2", {}},
      {"bytes 0-1/99999999999999999999", {}},
      {"bytes 0-18446744073709551615/18446744073709551616", {}},
      {"lines 0-1/2", {}},
      {"", {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto got = http::parse_content_range(row.text);
    REQUIRE(got.has_value() == row.expected.has_value());
    if (row.expected) CHECK(*got == *row.expected);
  }
}

TEST_CASE("a range is asked for as it stands, and none where none is wanted") {
  const auto ranged = fakes::run(asked(echo_range, for_bytes(6144, 12287)));
  REQUIRE(ranged.has_value());
  CHECK(ranged->status == 200);
  CHECK(ranged->body == "Range: bytes=6144-12287");
  const auto plain = fakes::run(asked(echo_range, {}));
  REQUIRE(plain.has_value());
  CHECK(plain->body == "none");
}

TEST_CASE("answers to a range") {
  struct row {
    std::string name;
    std::string said;
    std::optional<outcome> failed;
  };
  const row rows[] = {
      {"the part", part("Content-Range: bytes 2-5/10\r\n", "cdef"), {}},
      {"another part is left to who asked", part("Content-Range: bytes 0-3/10\r\n", "abcd"), {}},
      {"no Content-Range", part("", "cdef"), outcome::malformed},
      {"several parts", part("Content-Type: multipart/byteranges; boundary=x\r\n", "--x\r\n"), outcome::malformed},
      {"an unknown total", part("Content-Range: bytes 2-5/*\r\n", "cdef"), outcome::malformed},
      {"fewer bytes than it says", part("Content-Range: bytes 2-6/10\r\n", "cdef"), outcome::malformed},
      {"more bytes than it says", part("Content-Range: bytes 2-4/10\r\n", "cdef"), outcome::malformed},
      {"two Content-Ranges, the last wrong",
       part("Content-Range: bytes 2-5/10\r\nContent-Range: bytes 2-9/10\r\n", "cdef"), outcome::malformed},
      {"not satisfiable",
       "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\nContent-Length: 0\r\n\r\n",
       outcome::http_status},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = fakes::run(asked(fakes::saying(row.said), for_bytes(2, 5)));
    CHECK(got.has_error() == row.failed.has_value());
    if (got.has_error() && row.failed) CHECK(base::name(got.error().what) == base::name(*row.failed));
    if (got) {
      CHECK(got->status == 206);
      CHECK(got->range.has_value());
    }
  }
}

TEST_CASE("what came of an answer is kept where that is asked for, with the reason and the place") {
  auto keep = for_bytes(0, 99);
  keep.keep_partial = true;
  struct row {
    std::string name;
    std::string said;
    fakes::then then;
    std::string body;
    outcome cut;
  };
  const std::string head =
      "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-99/200\r\nContent-Type: Application/JSON;x=y\r\n"
      "Content-Length: 100\r\n\r\n";
  const row rows[] = {
      {"silence", head + "half", fakes::then::hold, "half", outcome::stalled_after_bytes},
      {"an end", head + "half", fakes::then::close, "half", outcome::stalled_after_bytes},
      {"silence before the first byte of the body", head, fakes::then::hold, "", outcome::stalled_after_bytes},
      {"too much", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + std::string(5000, 'x'),
       fakes::then::close, "", outcome::too_large},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = fakes::run(asked(fakes::saying(row.said, row.then), keep));
    REQUIRE(got.has_value());
    REQUIRE(got->cut.has_value());
    CHECK(base::name(got->cut->what) == base::name(row.cut));
    if (!row.body.empty()) CHECK(got->body == row.body);
    CHECK(got->content_type == "application/json");
    CHECK(got->where.address == "127.0.0.1");
    CHECK(got->where.port != 0);
    CHECK(got->cut->where == got->where);
  }
  const auto refused = fakes::run(asked(fakes::saying("HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nhalf"), keep));
  CHECK_MESSAGE(refused.has_error(), "an error's body is nobody's");
  const auto silent = fakes::run(asked(fakes::saying("HTTP/1.1 206 Part", fakes::then::reset), keep));
  CHECK_MESSAGE(silent.has_error(), "before the end of the head there is nothing to keep");
}
