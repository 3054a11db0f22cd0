#include "wire/http_connect.hpp"

#include "tests/wire/vectors.hpp"

#include <fmt/format.h>

using namespace landfall;

namespace {

wire::socks_destination place(std::string_view host, std::uint16_t port) {
  return wire::socks_destination::parse(host, port).value();
}
wire::socks_credentials login(const char* user, const char* password) {
  return {base::sensitive(std::string(user)), base::sensitive(std::string(password))};
}

std::string talk(std::string_view in, std::size_t piece) {
  wire::http_connect client(place("192.0.2.7", 443));
  base::result<bool> open = false;
  for (; open && !*open && !in.empty(); in.remove_prefix(std::min(piece, in.size())))
    open = client.take(in.substr(0, piece));
  if (!open) return fmt::format("{} {} {}", base::name(open.error().what), open.error().code, open.error().detail);
  if (!*open) return "more";
  const auto rest = std::move(client).rest() + std::string(in);
  return rest.empty() ? "open" : fmt::format("open rest='{}'", rest);
}

} // namespace

TEST_CASE("CONNECT asks as RFC 9110 says") {
  struct {
    const char* name;
    wire::socks_destination to;
    std::optional<wire::socks_credentials> with;
    const char* text;
  } const table[] = {
      {"IPv4", place("192.0.2.7", 443), {}, "CONNECT 192.0.2.7:443 HTTP/1.1\r\nHost: 192.0.2.7:443\r\n\r\n"},
      {"IPv6", place("2001:db8::1", 443), {}, "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n"},
      {"a name", place("Example.org", 80), {}, "CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\n\r\n"},
      {"a password", place("example.org", 80), login("Aladdin", "open sesame"),
       "CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\n"
       "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    const auto text = wire::http_connect(row.to, row.with).request();
    REQUIRE(text.has_value());
    CHECK(*text == row.text);
  }
  CHECK(wire::http_connect(place("a", 1), login("a:b", "c")).request().has_error());
  const wire::socks_destination injected{wire::socks_host::name, base::sensitive(std::string("a\r\nX: y")), 80};
  CHECK(wire::http_connect(injected).request().has_error());
}

TEST_CASE("answers to CONNECT are read strictly, however they are split") {
  for (const auto& row : vectors::rows("http_connect/answers.txt", 3)) {
    CAPTURE(row[0]);
    const auto in = vectors::bytes(row[1]);
    for (const auto piece : {in.size() + 1, std::size_t{1}, std::size_t{7}}) {
      const auto end = talk(in, piece);
      const auto code = row[2].find(' '), why = row[2].find(' ', code + 1);
      if (row[2].starts_with("open") || row[2] == "more") {
        CHECK(end == row[2]);
      } else {
        CHECK_MESSAGE(end.starts_with(row[2].substr(0, why + 1)), end);
        CHECK_MESSAGE(end.find(row[2].substr(why + 1)) != std::string::npos, end);
      }
    }
  }
}
