#include "wire/http_head.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using base::outcome;

namespace {

const std::string good = "HTTP/1.1 101 Switching Protocols\r\nServer: nginx\r\nconnection: keep-alive, "
                         "Upgrade\r\nUPGRADE:  WebSocket \r\nX:\r\n\r\n";

} // namespace

TEST_CASE("the head of an answer, however it is split, and what stands behind it") {
  const auto all = good + "bytes of the tunnel";
  for (std::size_t piece = 1; piece <= all.size(); ++piece) {
    wire::http_head_reader reader;
    std::size_t at = 0;
    bool complete = false;
    while (!complete && at < all.size()) {
      const auto took = reader.take(std::string_view(all).substr(at, piece));
      REQUIRE(took.has_value());
      complete = *took;
      at = std::min(at + piece, all.size());
    }
    REQUIRE(complete);
    CHECK(reader.head().status == 101);
    CHECK(reader.head().headers.size() == 4);
    CHECK(reader.head().has("upgrade", "websocket"));
    CHECK(reader.head().has("connection", "upgrade"));
    CHECK_FALSE(reader.head().has("connection", "close"));
    CHECK_FALSE(reader.head().has("server", "ngin"));
    CHECK(std::move(reader).rest() + all.substr(at) == "bytes of the tunnel");
  }
}

TEST_CASE("what is no head is refused, and as early as can be") {
  for (const std::string& text :
       {std::string("SSH-2.0"), std::string("HTTP/2 200\r\n\r\n"), std::string("HTTP/1.1 20\r\n\r\n"),
        std::string("HTTP/1.1 2000\r\n\r\n"), std::string("HTTP/1.1 099 x\r\n\r\n"),
        std::string("HTTP/1.1 600 x\r\n\r\n"), std::string("HTTP/1.1 +10\r\n\r\n"),
        std::string("HTTP/1.1 200 ok\r\nno colon\r\n\r\n"), std::string("HTTP/1.1 200 ok\r\n: x\r\n\r\n"),
        std::string("HTTP/1.1 200 ok\r\na: b\r\n folded\r\n\r\n"), std::string("HTTP/1.1 200 ok\r\na : b\r\n\r\n"),
        std::string("HTTP/1.1 200 ok\r\na: b\nc: d\r\n\r\n"), std::string("HTTP/1.1 200 o\0k\r\n\r\n", 21),
        std::string("h"), std::string("HTTP/1.2 200 ok\r\n\r\n")}) {
    CAPTURE(text);
    wire::http_head_reader reader;
    const auto took = reader.take(text);
    REQUIRE_FALSE(took.has_value());
    CHECK(took.error().what == outcome::malformed);
  }
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, std::size_t{100'000}}) {
    wire::http_head_reader reader;
    const std::string endless = "HTTP/1.1 200 ok\r\nX: " + std::string(100'000, 'a');
    std::size_t taken = 0;
    base::result<bool> took = false;
    for (std::size_t at = 0; took && at < endless.size(); at += piece) {
      took = reader.take(std::string_view(endless).substr(at, piece));
      taken = at;
    }
    REQUIRE_FALSE(took.has_value());
    CHECK(took.error().what == outcome::too_large);
    CHECK(taken <= wire::http_head_reader::max_head + piece);
  }
}
