#include "http/dns_message.hpp"

#include "tests/fakes/dns_server.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using base::outcome;
using http::record_type;

namespace {

std::string question(record_type type, const std::string& name = "name.example") {
  const auto made = http::padded_question(name, type);
  REQUIRE(made.has_value());
  return *made;
}

/// A record for the name of the question.
std::string record(record_type type, std::string_view data, std::uint8_t ttl = 60) {
  std::string out("\xc0\x0c\x00", 3);
  out += static_cast<char>(type);
  out += std::string("\0\1\0\0\0", 5);
  out += static_cast<char>(ttl);
  out += static_cast<char>(data.size() >> 8);
  out += static_cast<char>(data.size() & 0xff);
  return out + std::string(data);
}

template <std::size_t N> std::string raw(const char (&text)[N]) { return {text, N - 1}; }

struct service_row {
  std::string name, data;
  bool good;
  std::size_t count;
};

} // namespace

TEST_CASE("a question over HTTPS has ID 0, one question, and a multiple of 128 bytes") {
  for (const std::string name : {"a.example", "name.example", "a-much-longer-name.of.several.labels.example.net"}) {
    for (const auto type : {record_type::a, record_type::aaaa, record_type::txt, record_type::https}) {
      CAPTURE(name);
      const auto made = question(type, name);
      CHECK(made.size() % 128 == 0);
      CHECK(made.substr(0, 2) == raw("\0\0"));
      CHECK(http::label_of(made).id == 0);
      CHECK(http::label_of(made).type == static_cast<std::uint16_t>(type));
    }
  }
  CHECK(question(record_type::a, "a.example").size() == question(record_type::a, "another.example").size());
  const std::string refused[] = {
      "",           "two words.example",     "a\nb.example", std::string(254, 'a'), std::string(64, 'a'),
      "a..example", "aaaaaaaaaaaaaaaa.onion"};
  for (const auto& name : refused) {
    CAPTURE(name);
    CHECK(http::padded_question(name, record_type::a).has_error());
  }
}

TEST_CASE("answers are read, and nothing else is") {
  const auto asked = question(record_type::a);
  const auto good = fakes::dns_reply(asked, 0x8180, 1) + fakes::dns_a_record(192, 0, 2, 1);
  struct row {
    std::string name, answer;
    std::optional<outcome> failed;
    bool exists;
    std::size_t addresses;
  };
  auto other_id = good, other_name = good, query = good;
  other_id[1] = 1;
  other_name[13] = 'x';
  query[2] = '\1';
  auto upper = good;
  upper[13] = 'N';
  const row rows[] = {
      {"an address", good, {}, true, 1},
      {"the name in other letters", upper, {}, true, 1},
      {"no address", fakes::dns_reply(asked, 0x8180, 0), {}, true, 0},
      {"no such name", fakes::dns_reply(asked, 0x8183, 0), {}, false, 0},
      {"the server fails", fakes::dns_reply(asked, 0x8182, 0), outcome::unreachable, false, 0},
      {"the server refuses", fakes::dns_reply(asked, 0x8185, 0), outcome::unreachable, false, 0},
      {"cut short", fakes::dns_reply(asked, 0x8380, 0), outcome::malformed, false, 0},
      {"nothing", "", outcome::malformed, false, 0},
      {"a question", query, outcome::malformed, false, 0},
      {"another ID", other_id, outcome::malformed, false, 0},
      {"another name", other_name, outcome::malformed, false, 0},
      {"counts that lie", fakes::dns_reply(asked, 0x8180, 9), outcome::malformed, false, 0},
      {"a record cut short", good.substr(0, good.size() - 1), outcome::malformed, false, 0},
      {"too long", good + std::string(http::max_message, '\0'), outcome::malformed, false, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = http::read_answer(asked, row.answer);
    CHECK(got.has_error() == row.failed.has_value());
    if (got.has_error()) {
      CHECK(base::name(got.error().what) == base::name(row.failed.value_or(outcome::won)));
    } else {
      CHECK(got->exists == row.exists);
      CHECK(got->addresses.size() == row.addresses);
    }
  }
}

TEST_CASE("records without end are cut at what anybody needs") {
  const auto asked = question(record_type::a);
  auto answer = fakes::dns_reply(asked, 0x8180, 4000);
  for (int i = 0; i < 4000; ++i)
    answer += fakes::dns_a_record(192, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
  REQUIRE(answer.size() < http::max_message);
  const auto got = http::read_answer(asked, answer);
  REQUIRE(got.has_value());
  CHECK(got->addresses.size() == http::max_addresses);
}

TEST_CASE("an answer that announces 10000 records, and brings as many as a message can hold, is read to its end") {
  const auto asked = question(record_type::a);
  auto full = fakes::dns_reply(asked, 0x8180, 10'000);
  const std::string smallest("\0\0\1\0\1\0\0\0\x3c\0\0", 11); // of the root, without an address
  while (full.size() + smallest.size() <= http::max_message) full += smallest;
  const auto got = http::read_answer(asked, full);
  REQUIRE(got.has_error());
  CHECK(base::name(got.error().what) == base::name(outcome::malformed));
}

TEST_CASE("the strings of one TXT record are one text") {
  const auto asked = question(record_type::txt);
  const auto answer = fakes::dns_reply(asked, 0x8180, 2) + record(record_type::txt, "\3one\4 two") +
                      record(record_type::txt, "\5three", 30);
  const auto got = http::read_answer(asked, answer);
  REQUIRE(got.has_value());
  CHECK(got->texts == std::vector<std::string>{"one two", "three"});
}

TEST_CASE("HTTPS records: RFC 9460's form, and what breaks it") {
  const auto asked = question(record_type::https);
  const service_row rows[] = {
      {"an alias", raw("\0\0\3svc\7example\0"), true, 1},
      {"the name itself", raw("\0\1\0"), true, 1},
      {"alpn and port", raw("\0\1\0\0\1\0\3\2h2\0\3\0\2\x20\xfb"), true, 1},
      {"hints of both families", raw("\0\1\0\0\4\0\4\xc0\0\2\1\0\6\0\x10\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), true,
       1},
      {"an unknown key", raw("\0\1\0\x02\x9b\0\5hello"), true, 1},
      {"a mandatory key that is known", raw("\0\1\0\0\0\0\2\0\1\0\1\0\3\2h2"), true, 1},
      {"a mandatory key that is not", raw("\0\1\0\0\0\0\2\2\x9b\2\x9b\0\0"), true, 0},
      {"keys out of order", raw("\0\1\0\0\3\0\2\1\xbb\0\1\0\3\2h2"), false, 0},
      {"a key twice", raw("\0\1\0\0\3\0\2\1\xbb\0\3\0\2\1\xbb"), false, 0},
      {"a port of three bytes", raw("\0\1\0\0\3\0\3\1\xbb\0"), false, 0},
      {"a hint of three bytes", raw("\0\1\0\0\4\0\3\xc0\0\2"), false, 0},
      {"alpn cut short", raw("\0\1\0\0\1\0\3\5h2"), false, 0},
      {"a value longer than the record", raw("\0\1\0\0\1\xff\xff"), false, 0},
      {"no target", raw("\0\1"), false, 0},
      {"a compressed target", raw("\0\1\xc0\x0c"), false, 0},
      {"a target that is no name", raw("\0\1\3a b\0"), false, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got =
        http::read_answer(asked, fakes::dns_reply(asked, 0x8180, 1) + record(record_type::https, row.data));
    CHECK(got.has_value() == row.good);
    if (got) CHECK(got->services.size() == row.count);
  }
  const auto full =
      http::read_answer(asked, fakes::dns_reply(asked, 0x8180, 1) +
                                   record(record_type::https,
                                          raw("\0\1\3svc\7example\0\0\1\0\6\2h2\2h3\0\3\0\2\x20\xfb\0\5\0\2\1\2"), 7));
  REQUIRE(full.has_value());
  REQUIRE(full->services.size() == 1);
  const http::service expected{1, "svc.example", {"h2", "h3"}, 8443, {}, "\1\2"};
  CHECK(full->services.front() == expected);
  CHECK(full->ttl == 7);
}
