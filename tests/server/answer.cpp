#include "server/answer.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using server::method;

namespace {
constexpr std::string_view list_path = "/7f3a9c/v1/net/public-0/list";
constexpr std::string_view tag = "\"aaaabbbb\"";

std::shared_ptr<const server::entry> entry(std::string bytes, std::string_view its_tag, std::string_view caching = {}) {
  return std::make_shared<const server::entry>(
      server::entry{.bytes = std::move(bytes), .type = "text/plain", .tag = std::string(its_tag), .caching = caching});
}

server::content some_content() {
  server::content out;
  out.documents.emplace("v1/net/public-0/list", entry("0123456789", tag, "max-age=60"));
  out.decoy.emplace("/", entry("home", "\"home\""));
  out.decoy.emplace("/index.html", out.decoy.at("/"));
  return out;
}

const server::access everyone{.secret = "7f3a9c", .hosts = {}};

server::answer ask(server::request asked, const server::access& who = everyone,
                   const server::content& what = some_content()) {
  return server::respond(who, what, asked);
}

std::string header(const server::answer& from, std::string_view name) {
  for (const auto& one : from.headers)
    if (name == one.name) return one.value;
  return "";
}

/// Everything that goes over the wire.
std::string wire(const server::answer& from) {
  auto out = fmt::format("{} {}\n", from.status, from.reason);
  for (const auto& one : from.headers) out += fmt::format("{}: {}\n", one.name, one.value);
  return out + "\n" + std::string(from.body);
}
} // namespace

TEST_CASE("a document is answered with its tag, its caching and all its bytes") {
  const auto got = ask({.host = "x", .path = list_path});
  CHECK(got.status == 200);
  CHECK(got.body == "0123456789");
  CHECK(header(got, "Content-Length") == "10");
  CHECK(header(got, "ETag") == tag);
  CHECK(header(got, "Cache-Control") == "max-age=60");
  CHECK(header(got, "Accept-Ranges") == "bytes");
  CHECK(header(got, "Last-Modified").empty());
}

TEST_CASE("HEAD has the headers of GET and no body") {
  for (const auto path : {list_path, std::string_view("/"), std::string_view("/nothing")}) {
    CAPTURE(path);
    const auto get = ask({.method = method::get, .path = path});
    const auto head = ask({.method = method::head, .path = path});
    CHECK(head.body.empty());
    CHECK(head.status == get.status);
    CHECK(header(head, "Content-Length") == std::to_string(get.body.size()));
    CHECK(header(head, "ETag") == header(get, "ETag"));
  }
}

TEST_CASE("only the exact path below the secret reaches a document") {
  struct row {
    const char* name;
    std::string path;
    int status;
  };
  const row rows[] = {
      {"the document", std::string(list_path), 200},
      {"missing under the secret", "/7f3a9c/v1/net/public-0/lis", 404},
      {"the secret alone", "/7f3a9c", 404},
      {"the secret and a slash", "/7f3a9c/", 404},
      {"a prefix of the secret", "/7f3a9/v1/net/public-0/list", 404},
      {"more than the secret", "/7f3a9c0/v1/net/public-0/list", 404},
      {"another case", "/7F3A9C/v1/net/public-0/list", 404},
      {"no secret", "/v1/net/public-0/list", 404},
      {"dots", "/7f3a9c/../7f3a9c/v1/net/public-0/list", 404},
      {"dots within", "/7f3a9c/v1/net/public-0/../public-0/list", 404},
      {"escaped dots", "/7f3a9c/%2e%2e/%2e%2e/etc/passwd", 404},
      {"two slashes", "/7f3a9c//v1/net/public-0/list", 404},
      {"two slashes first", "//7f3a9c/v1/net/public-0/list", 404},
      {"an escaped NUL", "/7f3a9c/v1/net/public-0/list%00", 404},
      {"a NUL", std::string(list_path) + std::string(1, '\0'), 404},
      {"escaped letters", "/7f3a9c/v1/net/public-0/%6cist", 404},
      {"a slash after it", "/7f3a9c/v1/net/public-0/list/", 404},
      {"no slash first", "7f3a9c/v1/net/public-0/list", 404},
      {"10 kB", "/7f3a9c/" + std::string(10'000, 'a'), 404},
      {"nothing", "", 404},
      {"a decoy page under the secret", "/7f3a9c/index.html", 404},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(ask({.path = row.path}).status == row.status);
  }
}

TEST_CASE("strangers get byte for byte what a server without documents answers") {
  auto without = some_content();
  without.documents.clear();
  const server::access nobody;
  const std::string_view paths[] = {
      "/", "/index.html", "/nothing", "/7f3a9c", "/7f3a9d/v1/net/public-0/list", "/v1/net/public-0/list", "//7f3a9c/",
      "",  "*",           "/7f3a9"};
  for (const auto how : {method::get, method::head, method::post, method::other})
    for (const auto path : paths) {
      CAPTURE(path);
      const server::request asked{.method = how, .host = "x", .path = path, .range = "bytes=1-2", .if_none_match = tag};
      CHECK(wire(ask(asked)) == wire(ask(asked, nobody, without)));
    }
}

TEST_CASE("what is missing under the secret looks like what is missing anywhere") {
  auto with_page = some_content();
  with_page.decoy.emplace("/404.html", entry("gone", "\"404\""));
  for (const auto& what : {some_content(), with_page})
    CHECK(wire(ask({.path = "/7f3a9c/nothing"}, everyone, what)) == wire(ask({.path = "/nothing"}, everyone, what)));
  CHECK(ask({.path = "/nothing"}, everyone, with_page).body == "gone");
}

TEST_CASE("documents are for the named hosts only, where hosts are named") {
  const server::access who{.secret = "7f3a9c", .hosts = {"hidden.example.org", "other.example.org"}};
  struct row {
    const char* host;
    int status;
  };
  const row rows[] = {{"hidden.example.org", 200},
                      {"HIDDEN.example.ORG", 200},
                      {"other.example.org", 200},
                      {"cdn-a.example.com", 404},
                      {"", 404},
                      {"hidden.example.org.evil", 404},
                      {"hidden.example.or", 404}};
  for (const auto& row : rows) {
    CAPTURE(row.host);
    CHECK(ask({.host = row.host, .path = list_path}, who).status == row.status);
    CHECK(ask({.host = row.host, .path = "/"}, who).body == "home");
  }
}

TEST_CASE("methods that do not read get what static sites answer") {
  struct row {
    const char* name;
    method how;
    std::string_view path;
    int status;
  };
  const row rows[] = {
      {"POST to a page", method::post, "/", 405},           {"POST to nothing", method::post, "/nothing", 404},
      {"POST to a document", method::post, list_path, 404}, {"PUT to a page", method::other, "/", 405},
      {"PUT to nothing", method::other, "/nothing", 405},   {"PUT to a document", method::other, list_path, 405},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = ask({.method = row.how, .path = row.path});
    CHECK(got.status == row.status);
    CHECK(header(got, "Allow") == (row.status == 405 ? "GET, HEAD" : ""));
  }
}

TEST_CASE("a range that we know is answered in part, every other with the whole") {
  struct row {
    const char *name, *range;
    int status;
    std::string_view body;
    const char* content_range;
  };
  const row rows[] = {
      {"from the start", "bytes=0-3", 206, "0123", "bytes 0-3/10"},
      {"one byte", "bytes=4-4", 206, "4", "bytes 4-4/10"},
      {"open at the end", "bytes=6-", 206, "6789", "bytes 6-9/10"},
      {"the last byte", "bytes=9-", 206, "9", "bytes 9-9/10"},
      {"beyond the end", "bytes=8-99", 206, "89", "bytes 8-9/10"},
      {"the whole as a range", "bytes=0-9", 206, "0123456789", "bytes 0-9/10"},
      {"the last place that fits", "bytes=0-9223372036854775807", 206, "0123456789", "bytes 0-9/10"},
      {"a place that does not fit", "bytes=0-9223372036854775808", 200, "0123456789", ""},
      {"20 digits", "bytes=00000000000000000001-2", 200, "0123456789", ""},
      {"a suffix", "bytes=-3", 200, "0123456789", ""},
      {"several", "bytes=0-1,4-5", 200, "0123456789", ""},
      {"backwards", "bytes=5-2", 200, "0123456789", ""},
      {"at the end", "bytes=10-", 200, "0123456789", ""},
      {"far beyond", "bytes=100-200", 200, "0123456789", ""},
      {"another unit", "lines=0-3", 200, "0123456789", ""},
      {"no numbers", "bytes=-", 200, "0123456789", ""},
      {"signs", "bytes=+1-3", 200, "0123456789", ""},
      {"blanks", "bytes= 1-3", 200, "0123456789", ""},
      {"rubbish after it", "bytes=1-3x", 200, "0123456789", ""},
      {"nothing", "", 200, "0123456789", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = ask({.path = list_path, .range = row.range});
    CHECK(got.status == row.status);
    CHECK(got.body == row.body);
    CHECK(header(got, "Content-Range") == row.content_range);
    CHECK(header(got, "Content-Length") == std::to_string(row.body.size()));
  }
  CHECK(ask({.method = method::head, .path = list_path, .range = "bytes=0-3"}).status == 200);
}

TEST_CASE("If-Range lets a range through for our strong tag alone") {
  struct row {
    const char *name, *if_range;
    int status;
  };
  const row rows[] = {{"our tag", "\"aaaabbbb\"", 206},
                      {"another tag", "\"cccc\"", 200},
                      {"our tag, weak", "W/\"aaaabbbb\"", 200},
                      {"a date", "Fri, 20 Nov 2026 11:00:00 GMT", 200},
                      {"nothing", "", 200}};
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(ask({.path = list_path, .range = "bytes=0-3", .if_range = row.if_range}).status == row.status);
  }
}

TEST_CASE("If-None-Match spares the bytes when one of its tags is ours") {
  struct row {
    const char *name, *condition;
    bool spared;
  };
  const row rows[] = {
      {"our tag", "\"aaaabbbb\"", true},
      {"our tag, weak", "W/\"aaaabbbb\"", true},
      {"anything", "*", true},
      {"second of a list", "\"x\", \"aaaabbbb\"", true},
      {"last of a list without blanks", "\"x\",W/\"y\",W/\"aaaabbbb\"", true},
      {"a tag with a comma before it", "\"x,y\", \"aaaabbbb\"", true},
      {"empty members", ", ,\"aaaabbbb\"", true},
      {"another tag", "\"aaaabbbc\"", false},
      {"a part of ours", "\"aaaa\"", false},
      {"no quotes", "aaaabbbb", false},
      {"an open quote", "\"aaaabbbb", false},
      {"our tag within another", "\"x\\\"aaaabbbb\"", false},
      {"a star among tags", "*, \"x\"", false},
      {"nothing", "", false},
      {"rubbish first", "x \"aaaabbbb\"", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = ask({.path = list_path, .range = "bytes=0-3", .if_none_match = row.condition});
    CHECK(got.status == (row.spared ? 304 : 206));
    CHECK(header(got, "ETag") == tag);
    CHECK(header(got, "Cache-Control") == "max-age=60");
    if (row.spared) CHECK(got.body.empty());
    if (row.spared) CHECK(header(got, "Content-Length").empty());
  }
}

TEST_CASE("the bytes outlive the content that they came from") {
  server::answer got;
  {
    const auto what = some_content();
    got = server::respond(everyone, what, {.path = list_path});
  }
  CHECK(got.body == "0123456789");
}
