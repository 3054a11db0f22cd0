#include "tests/censor/hello.hpp"

#include "base/encoding.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>

using namespace landfall;
using namespace landfall::censor;

namespace {

/// FoxIO's own example (ja4/README.md): Chrome's ciphers, extensions and signature algorithms.
hello_plan foxio_example() {
  return {.sni = "www.example.org",
          .ciphers = {0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
                      0x009c, 0x009d, 0x002f, 0x0035},
          .signatures = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601},
          .more_extensions = {0x1a1a, 0x0017, 0xff01, 0x000a, 0x000b, 0x0023, 0x0005, 0x0012, 0x0033, 0x002d, 0x001b,
                              0x4469, 0x0015}};
}

std::map<std::string, std::string> read_vector(const std::filesystem::path& path) {
  std::map<std::string, std::string> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (const auto colon = line.find(':'); colon != std::string::npos)
      out[line.substr(0, colon)] = line.substr(std::min(colon + 2, line.size()));
  return out;
}

} // namespace

TEST_CASE("hellos of real clients are read, however they arrive") {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(LANDFALL_CENSOR_VECTORS)) {
    if (entry.path().extension() != ".hello") continue;
    ++count;
    CAPTURE(entry.path().filename().string());
    auto expected = read_vector(entry.path());
    const auto record = base::from_hex(expected["hex"]).value();
    for (const std::size_t size : {std::size_t{16384}, std::size_t{100}, std::size_t{7}, std::size_t{1}}) {
      const auto sent = size < record.size() ? split_records(record, size) : record;
      const auto read = read_hello(sent, true);
      REQUIRE(read.state == reading::yes);
      CHECK(read.hello.sni == expected["sni"]);
      CHECK(read.hello.ja4 == expected["ja4"]);
      CHECK(read.hello.tls13 == (expected["tls13"] == "1"));
      CHECK_FALSE(read.hello.ech);
      for (std::size_t some = 0; some < sent.size(); some += 13)
        CHECK(read_hello(std::string_view(sent).substr(0, some), true).state == reading::more);
      if (size < record.size()) CHECK(read_hello(sent, false).state == reading::no);
    }
  }
  CHECK(count >= 4);
}

TEST_CASE("JA4 is the published one, GREASE or not") {
  const auto read = read_hello(build_hello(foxio_example()), true);
  REQUIRE(read.state == reading::yes);
  CHECK(read.hello.ja4 == "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

TEST_CASE("JA4 of unusual hellos") {
  struct row {
    const char* name;
    hello_plan plan;
    const char* begins;
  };
  const row rows[] = {{"no name", {.sni = ""}, "t13i0303h2_"},
                      {"no ALPN", {.sni = "a", .alpn = {}}, "t13d030300_"},
                      {"ALPN of one character", {.sni = "a", .alpn = {"x"}}, "t13d0304xx_"},
                      {"ALPN that is not text", {.sni = "a", .alpn = {"\xab\xcd"}}, "t13d0304ad_"},
                      {"no ciphers", {.sni = "a", .ciphers = {}}, "t13d0004h2_000000000000_"}};
  for (const auto& row : rows) {
    INFO(std::string(row.name));
    const auto read = read_hello(build_hello(row.plan), true);
    REQUIRE(read.state == reading::yes);
    CHECK(read.hello.ja4.starts_with(row.begins));
  }
}

TEST_CASE("what hides a name is seen") {
  CHECK(read_hello(build_hello({.sni = "a", .more_extensions = {0xfe0d}}), true).hello.ech);
  CHECK(read_hello(build_hello({.sni = "a", .more_extensions = {0xffce}}), true).hello.esni);
}

TEST_CASE("what is no hello is not waited for") {
  using namespace std::string_literals;
  struct row {
    const char* name;
    std::string stream;
    reading state;
  };
  const row rows[] = {{"nothing yet", "", reading::more},
                      {"HTTP", "GET / HTTP/1.1\r\n", reading::no},
                      {"TLS alert", "\x15\x03\x03\x00\x02\x01\x00"s, reading::no},
                      {"a ServerHello", "\x16\x03\x03\x00\x04\x02\x00\x00\x00"s, reading::no},
                      {"version 2", "\x16\x02\x00\x00\x10"s, reading::no},
                      {"an empty record", "\x16\x03\x01\x00\x00"s, reading::no},
                      {"longer than any", "\x16\x03\x01\x40\x00\x01\x7f\xff\xff"s, reading::no},
                      {"inner lengths lie", "\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"s, reading::no}};
  for (const auto& row : rows) {
    INFO(std::string(row.name));
    CHECK(read_hello(row.stream, true).state == row.state);
  }
  CHECK(read_hello(std::string("\x16\x03\x01\x3f\xff\x01\x00\x3f\x00", 9) + std::string(17000, 'x'), true).state ==
        reading::no);
}
