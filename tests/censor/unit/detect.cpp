#include "tests/censor/detect.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace landfall::censor;
using namespace std::string_literals;

TEST_CASE("an HTTP Host is read") {
  struct row {
    const char* name;
    std::string stream;
    reading state;
    const char* host;
  };
  const row rows[] = {
      {"plain", "GET / HTTP/1.1\r\nHost: Blocked.Example:8080\r\n\r\n", reading::yes, "blocked.example"},
      {"not the first header", "POST /x HTTP/1.1\r\nA: b\r\nhOsT:x.example\r\n\r\n", reading::yes, "x.example"},
      {"bare line feeds", "HEAD / HTTP/1.0\nHost: a\n\n", reading::yes, "a"},
      {"not all of it yet", "GET / HTTP/1.1\r\nHost: blo", reading::more, ""},
      {"half a method", "GE", reading::more, ""},
      {"none", "GET / HTTP/1.0\r\n\r\nHost: late\r\n", reading::no, ""},
      {"TLS", "\x16\x03\x01", reading::no, ""},
      {"endless", "GET /" + std::string(9000, 'x'), reading::no, ""}};
  for (const auto& row : rows) {
    INFO(std::string(row.name));
    const auto read = read_http_host(row.stream);
    CHECK(read.state == row.state);
    CHECK(read.host == row.host);
  }
}

TEST_CASE("fully encrypted: each exemption alone lets a segment pass") {
  std::string random;
  std::mt19937_64 source(7);
  while (random.size() < 300) random += static_cast<char>(source() & 0xff);
  random[0] = '\x01';
  CHECK(looks_fully_encrypted(random));
  CHECK_FALSE(looks_fully_encrypted(""));
  CHECK_FALSE(looks_fully_encrypted(std::string(300, '\x01')));       // Ex1, few bits
  CHECK_FALSE(looks_fully_encrypted(std::string(300, '\xff')));       // Ex1, many bits
  CHECK_FALSE(looks_fully_encrypted("SSH-2." + random));              // Ex2
  CHECK_FALSE(looks_fully_encrypted(random + std::string(350, 'k'))); // Ex3
  CHECK_FALSE(looks_fully_encrypted(random + std::string(21, 'k')));  // Ex4
  CHECK(looks_fully_encrypted("SSH-2" + random));                     // five are not six
  CHECK_FALSE(looks_fully_encrypted("\x17\x03\x09" + random));        // Ex5 TLS
  CHECK(looks_fully_encrypted("\x17\x03\x0a" + random));
  CHECK_FALSE(looks_fully_encrypted("PUT " + random)); // Ex5 HTTP
}

TEST_CASE("fully encrypted: the share of random segments that is exempt is the one that was measured") {
  constexpr int segments = 20000;
  int exempt = 0;
  std::mt19937_64 source(20260101);
  for (int n = 0; n < segments; ++n) {
    std::string one;
    for (int byte = 0; byte < 1000; ++byte) one += static_cast<char>(source() & 0xff);
    exempt += looks_fully_encrypted(one) ? 0 : 1;
  }
  CHECK(exempt > 20); // 54 of 20 000 were, all by Ex2: (95/256)^6 is 0.26 %
  CHECK(exempt < 110);
}

TEST_CASE("protocols by their first bytes") {
  const auto query = build_dns_query(1, "a.example");
  const auto over_tcp = std::string(1, '\0') + static_cast<char>(query.size()) + query;
  CHECK(protocol_of("\x16\x03\x01\x02\x00"s) == protocol::tls);
  CHECK(protocol_of("\x16\x03\x05\x02\x00"s) == protocol::other);
  CHECK(protocol_of("GET / HT") == protocol::http);
  CHECK(protocol_of("GET / H") == protocol::other); // under eight bytes
  CHECK(protocol_of(over_tcp) == protocol::dns);
  CHECK(protocol_of("") == protocol::other);
  CHECK(protocol_of(std::string(64, '\x80')) == protocol::other);
  CHECK(is_quic_initial("\xc3\x00\x00\x00\x01rest"s));
  CHECK_FALSE(is_quic_initial("\xc3\x00\x00\x00\x02rest"s));
  CHECK_FALSE(is_quic_initial("\xe3\x00\x00\x00\x01rest"s)); // Handshake
  CHECK_FALSE(is_quic_initial("\xc3"));
}

TEST_CASE("DNS questions are read, answers forged and read back") {
  const auto query = build_dns_query(0x1234, "WWW.Blocked.Example");
  const auto asked = read_dns_query(query);
  REQUIRE(asked);
  CHECK(asked->id == 0x1234);
  CHECK(asked->name == "www.blocked.example");
  CHECK(asked->type == dns_a);
  const auto forged =
      forge_answer(query + "an OPT record that is not answered", *asked, {address::parse("10.66.66.66").value()});
  CHECK_FALSE(read_dns_query(forged));
  REQUIRE(read_dns_answers(forged).size() == 1);
  CHECK(read_dns_answers(forged)[0].text() == "10.66.66.66");
  CHECK(forged.substr(12, 21) == query.substr(12, 21));
  const auto six = build_dns_query(1, "b.example", dns_aaaa);
  CHECK(read_dns_answers(forge_answer(six, *read_dns_query(six), {address::parse("2001:db8::66").value()}))
            .at(0)
            .text() == "2001:db8::66");
  CHECK(read_dns_answers(forge_answer(six, *read_dns_query(six), {address::parse("10.66.66.66").value()})).empty());
}

TEST_CASE("DNS that is not a plain question is refused") {
  const auto query = build_dns_query(1, "a.example");
  auto two = query, answer = query, pointer = query;
  two[5] = 2;
  answer[2] = '\x81';
  pointer[12] = '\xc0';
  for (const auto& bad : {two, answer, pointer, query.substr(0, 20), ""s, build_dns_query(1, std::string(200, 'a'))})
    CHECK_FALSE(read_dns_query(bad));
  std::string many;
  for (int n = 0; n < 60; ++n) many += "label.";
  CHECK_FALSE(read_dns_query(build_dns_query(1, many + "example")));
}
