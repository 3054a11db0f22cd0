// What a control port says, whole and in pieces, right and wrong.
#include "wire/control.hpp"

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using base::outcome;

namespace {

/// Every reply in a text, given byte by byte or at once; "too_large" or "malformed" at the end where it died.
std::vector<std::string> read(std::string_view text, std::size_t piece) {
  wire::control_parser parser;
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    parser.take(text.substr(at, piece));
    for (;;) {
      const auto got = parser.next();
      if (!got) {
        out.emplace_back(base::name(got.error().what));
        return out;
      }
      if (!*got) break;
      auto shown = std::to_string((*got)->status);
      for (const auto& line : (*got)->lines) shown += "|" + line.text + (line.data ? "{" + *line.data + "}" : "");
      out.push_back(shown);
    }
  }
  return out;
}

wire::control_reply reply(std::string_view text) {
  wire::control_parser parser;
  parser.take(text);
  auto got = parser.next();
  REQUIRE(got.has_value());
  REQUIRE(got->has_value());
  return **got;
}

} // namespace

TEST_CASE("Replies and events are read in any pieces") {
  struct row {
    const char* name;
    std::string text;
    std::vector<std::string> expected;
  };
  const row rows[] = {
      {"an end line", "250 OK\r\n", {"250|OK"}},
      {"mid and end lines", "250-version=1\r\n250 OK\r\n", {"250|version=1|OK"}},
      {"data", "250+info=\r\none\r\n..two\r\n.\r\n250 OK\r\n", {"250|info={one\n.two}|OK"}},
      {"data of no line", "250+info=\r\n.\r\n250 OK\r\n", {"250|info={}|OK"}},
      {"an event before the reply", "650 CIRC 1 BUILT\r\n250 OK\r\n", {"650|CIRC 1 BUILT", "250|OK"}},
      {"a refusal", "515 Authentication failed\r\n", {"515|Authentication failed"}},
      {"a lone LF is part of the line", "250 a\nb\r\n", {"250|a\nb"}},
      {"nothing whole", "250 OK\r", {}},
      {"not a number", "2x0 OK\r\n", {"malformed"}},
      {"too short", "25\r\n", {"malformed"}},
      {"an unknown separator", "250_OK\r\n", {"malformed"}},
      {"two statuses", "250-a\r\n251 b\r\n", {"malformed"}},
      {"an event inside of a reply", "250-a\r\n650 b\r\n", {"malformed"}},
      {"HTTP", "HTTP/1.1 400 Bad Request\r\n", {"malformed"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(read(row.text, row.text.size()) == row.expected);
    CHECK(read(row.text, 1) == row.expected);
    CHECK(read(row.text, 3) == row.expected);
  }
}

TEST_CASE("Nothing grows beyond its limit") {
  const std::string line(wire::max_control_line + 1, 'x');
  CHECK(read("250 " + line, 4096) == std::vector<std::string>{"too_large"});
  CHECK(read("250 " + line + "\r\n", line.size() + 6) == std::vector<std::string>{"too_large"});
  std::string endless = "250+a=\r\n";
  while (endless.size() <= wire::max_control_reply) endless += std::string(60'000, 'y') + "\r\n";
  CHECK(read(endless, 4096) == std::vector<std::string>{"too_large"});
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "250-" + std::string(400, 'z') + "\r\n";
  CHECK(read(many, 4096) == std::vector<std::string>{"too_large"});
}

TEST_CASE("After a failure nothing follows") {
  wire::control_parser parser;
  parser.take("nonsense\r\n250 OK\r\n");
  CHECK(parser.next().has_error());
  parser.take("250 OK\r\n");
  CHECK(parser.next().has_error());
}

TEST_CASE("Words and quoted strings") {
  const auto words = wire::control_words::parse(R"(NOTICE BOOTSTRAP A=1 B="two \"words\" \\ \n\101\3" C= "alone")");
  REQUIRE(words.has_value());
  CHECK(words->plain == std::vector<std::string>{"NOTICE", "BOOTSTRAP", "alone"});
  CHECK(words->argument("A") == "1");
  CHECK(words->argument("B") == "two \"words\" \\ \nA\3");
  CHECK(words->argument("C").empty());
  CHECK(words->argument("D").empty());
  for (const auto* bad : {R"(A="open)", R"("open)", R"(A="end\)", R"(A="x\")"}) {
    CAPTURE(bad);
    CHECK(wire::control_words::parse(bad).has_error());
  }
  CHECK(*wire::control_quoted(R"(a "b" \c)") == R"("a \"b\" \\c")");
  for (const auto bad : {std::string_view("a\r"), std::string_view("a\nQUIT"), std::string_view("a\0b", 3)})
    CHECK(wire::control_quoted(bad).has_error());
}

TEST_CASE("PROTOCOLINFO names the ways to prove oneself") {
  const auto info = wire::protocol_info::parse(reply(
      "250-PROTOCOLINFO 1\r\n250-AUTH METHODS=COOKIE,SAFECOOKIE,HASHEDPASSWORD COOKIEFILE=\"/run/tor/a \\\"b\"\r\n"
      "250-VERSION Tor=\"0.4.9.11\"\r\n250 OK\r\n"));
  REQUIRE(info.has_value());
  CHECK(info->cookie);
  CHECK(info->safecookie);
  CHECK(info->password);
  CHECK_FALSE(info->null);
  CHECK(info->cookie_file == "/run/tor/a \"b");
  CHECK(info->version == "0.4.9.11");
  CHECK(wire::protocol_info::parse(reply("250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250 OK\r\n"))->null);
  CHECK(wire::protocol_info::parse(reply("250-PROTOCOLINFO 2\r\n250 OK\r\n")).has_error());
  CHECK(wire::protocol_info::parse(reply("510 what?\r\n")).has_error());
}

TEST_CASE("SAFECOOKIE: the other side proves first that it knows the cookie") {
  const base::secret cookie(std::string(32, 'c'));
  const std::string client(32, 'n'), server(32, 's');
  const auto proof = [&](const char* label) {
    return crypto::hmac_sha256(label, cookie.reveal() + client + server).hex();
  };
  const auto right = proof("Tor safe cookie authentication server-to-controller hash");
  const auto challenge = [&](const std::string& hash, const std::string& nonce) {
    return reply("250 AUTHCHALLENGE SERVERHASH=" + hash + " SERVERNONCE=" + nonce + "\r\n");
  };
  const auto answer = wire::safecookie_answer(challenge(right, base::to_hex(server)), cookie, client);
  REQUIRE(answer.has_value());
  CHECK(*answer == proof("Tor safe cookie authentication controller-to-server hash"));

  const auto wrong = wire::safecookie_answer(challenge(std::string(64, '0'), base::to_hex(server)), cookie, client);
  REQUIRE(wrong.has_error());
  CHECK(wrong.error().what == outcome::proxy_failed);
  CHECK(wire::safecookie_answer(challenge(right, "00"), cookie, client).has_error());
  CHECK(wire::safecookie_answer(challenge("zz", base::to_hex(server)), cookie, client).has_error());
  CHECK(wire::safecookie_answer(reply("513 Not supported\r\n"), cookie, client).has_error());
}

TEST_CASE("The phases of a bootstrap") {
  const auto phase = wire::bootstrap_phase::parse(
      R"(STATUS_CLIENT WARN BOOTSTRAP PROGRESS=10 TAG=conn_pt SUMMARY="x" WARNING="no route" REASON=NOROUTE COUNT=4)");
  REQUIRE(phase.has_value());
  REQUIRE(phase->has_value());
  CHECK(**phase == wire::bootstrap_phase{10, "conn_pt", "no route", "NOROUTE"});
  CHECK(*wire::bootstrap_phase::parse("STATUS_CLIENT NOTICE CIRCUIT_ESTABLISHED") == std::nullopt);
  CHECK((*wire::bootstrap_phase::parse("NOTICE BOOTSTRAP PROGRESS=100 TAG=do\x1b[31mne"))->tag.empty());
  for (const auto* bad : {"BOOTSTRAP", "BOOTSTRAP PROGRESS=101", "BOOTSTRAP PROGRESS=-1", "BOOTSTRAP PROGRESS=1x"}) {
    CAPTURE(bad);
    CHECK(wire::bootstrap_phase::parse(bad).has_error());
  }
}
