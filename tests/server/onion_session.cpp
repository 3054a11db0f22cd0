// What is said to tor's control port, and to others that only claim to be one.
#include "server/onion_session.hpp"

#include "tests/server/tor_replies.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace landfall::server::samples;
using server::onion_session;

namespace {

/// A session: what was sent, and how it ended, when it heard `replies`.
struct talk {
  std::string password{};
  base::result<std::string> content = cookie;
  server::onion_key ours = service_key();
  std::vector<std::string> sent{};
  std::string asked_for{}, error{};
  bool published = false, defended = true;

  void hear(const std::vector<std::string>& replies) {
    const base::secret word(password);
    onion_session session({.key = ours,
                           .password = word,
                           .target = "127.0.0.1:8080",
                           .nonce = nonce,
                           .read_cookie = [this](const std::filesystem::path& file) -> base::result<base::secret> {
                             asked_for = file.string();
                             if (!content) return content.error();
                             return base::secret(*content);
                           }});
    sent.push_back(onion_session::begin().reveal());
    for (const auto& reply : replies) {
      const auto next = session.take(reply);
      if (!next) {
        error = std::string(base::name(next.error().what)) + ": " + next.error().detail;
        break;
      }
      if (!next->reveal().empty()) sent.push_back(next->reveal());
    }
    published = session.published();
    defended = session.defended();
  }
};

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

std::string add_onion(const talk& with, std::string_view defence) {
  return "ADD_ONION ED25519-V3:" + base::to_base64(with.ours.secret.reveal()) + std::string(defence) +
         " Port=80,127.0.0.1:8080\r\n";
}
constexpr auto file = "/run/tor/control.authcookie";

} // namespace

TEST_CASE("A service is published by each way to authenticate") {
  struct row {
    std::string name, methods, password, expected;
  };
  const row rows[] = {
      {"nothing", "NULL", "", "AUTHENTICATE\r\n"},
      {"a password", "HASHEDPASSWORD", "a \"word\"", "AUTHENTICATE \"a \\\"word\\\"\"\r\n"},
      {"a cookie", "COOKIE", "", "AUTHENTICATE " + base::to_hex(cookie) + "\r\n"},
      {"a safe cookie", "COOKIE,SAFECOOKIE", "", "AUTHENTICATE " + proof("controller-to-server") + "\r\n"},
      {"a password before a plain cookie", "COOKIE,HASHEDPASSWORD", "w", "AUTHENTICATE \"w\"\r\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    talk with{.password = row.password};
    std::vector<std::string> replies{protocol_info(row.methods, has(row.methods, "COOKIE") ? file : "")};
    if (has(row.methods, "SAFE")) replies.push_back(challenge());
    replies.insert(replies.end(), {accepted, service_added(with.ours.address)});
    with.hear(replies);
    CHECK(with.error == "");
    CHECK(with.published);
    CHECK(with.defended);
    REQUIRE(with.sent.size() == replies.size());
    CHECK(with.sent[with.sent.size() - 2] == row.expected);
    CHECK(with.sent.back() == add_onion(with, " PoWDefensesEnabled=1"));
    CHECK(with.asked_for == (row.expected.ends_with("\"\r\n") || row.methods == "NULL" ? "" : file));
  }
}

TEST_CASE("A cookie that cannot be read leaves the password") {
  talk with{.password = "w", .content = base::fail(base::outcome::local_error, "is a link")};
  with.hear({protocol_info("COOKIE,SAFECOOKIE,HASHEDPASSWORD", file), accepted, service_added(with.ours.address)});
  CHECK(with.published);
  CHECK(with.sent[1] == "AUTHENTICATE \"w\"\r\n");
}

TEST_CASE("A tor without proof of work gets the service without it") {
  talk with;
  with.hear({protocol_info("NULL"), accepted, "512 Unrecognized argument\r\n", service_added(with.ours.address)});
  CHECK(with.published);
  CHECK_FALSE(with.defended);
  CHECK(with.sent.back() == add_onion(with, ""));
}

TEST_CASE("Bytes may come one at a time, events between replies") {
  talk with;
  std::vector<std::string> bytes;
  const auto all =
      protocol_info("NULL") + "650 BW 1 2\r\n" + accepted + "650-A\r\n650 B\r\n" + service_added(with.ours.address);
  for (const char c : all) bytes.emplace_back(1, c);
  with.hear(bytes);
  CHECK(with.error == "");
  CHECK(with.published);
}

TEST_CASE("What is no tor, or not ours, ends the session with what to do, and hears no key") {
  const auto key_of = [](const talk& with) { return base::to_base64(with.ours.secret.reveal()); };
  std::string events;
  for (int i = 0; i < 1'000'000; ++i) events += "650 BW 1 2\r\n";
  const auto unreadable = base::fail(base::outcome::local_error, "is no regular file");
  struct row {
    std::string name;
    std::vector<std::string> replies;
    std::string expected;
    base::result<std::string> content = cookie;
  };
  const row rows[] = {
      {"no control port", {"HTTP/1.1 400 Bad Request\r\n"}, "malformed: no reply of a control port"},
      {"another version", {"250-PROTOCOLINFO 2\r\n250 OK\r\n"}, "malformed: PROTOCOLINFO of another version"},
      {"refused at once", {"510 Unrecognized command\r\n"}, "malformed: PROTOCOLINFO was refused"},
      {"an endless line", {std::string(200'000, 'a')}, "too_large: "},
      {"an endless reply",
       {[] {
         std::string lines;
         for (int i = 0; i < 40; ++i) lines += "250-" + std::string(50'000, 'a') + "\r\n";
         return lines;
       }()},
       "too_large: "},
      {"10^6 events", {events}, "too_large: what answers on tor's control port sends events without end"},
      {"replies before commands",
       {protocol_info("NULL") + accepted},
       "malformed: what answers on tor's control port answers what nobody"},
      {"a password is wanted",
       {protocol_info("HASHEDPASSWORD")},
       "proxy_failed: tor's control port asks for a password: LANDFALL_TOR_PASSWORD"},
      {"a proof from the future", {protocol_info("QUANTUM")}, "proxy_failed: tor's control port takes no proof"},
      {"a cookie that is a device",
       {protocol_info("SAFECOOKIE", "/dev/zero")},
       "local_error: tor's cookie file is no regular file",
       unreadable},
      {"it does not know the cookie",
       {protocol_info("SAFECOOKIE", file), challenge(std::string(32, 'x'))},
       "proxy_failed: what answers on the control port does not know the cookie"},
      {"a challenge that is none",
       {protocol_info("SAFECOOKIE", file), "250 AUTHCHALLENGE\r\n"},
       "malformed: AUTHCHALLENGE"},
      {"another tor's cookie",
       {protocol_info("COOKIE", file), "515 Authentication failed\r\n"},
       "proxy_failed: tor refuses AUTHENTICATE (515): cookie or password"},
      {"a null byte", {std::string("250 \0OK\r\n", 9)}, "malformed: "},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    talk with{.content = row.content};
    with.hear(row.replies);
    CHECK_FALSE(with.published);
    CHECK_MESSAGE(with.error.starts_with(row.expected), with.error);
    for (const auto& sent : with.sent) CHECK_FALSE(has(sent, key_of(with)));
  }
}

TEST_CASE("What ADD_ONION is refused with says what to do") {
  struct row {
    std::string name;
    std::vector<std::string> replies;
    std::string expected;
  };
  const talk other;
  const row rows[] = {
      {"the address is taken", {"550 Onion address collision\r\n"}, "does another server use the same key?"},
      {"refused twice", {"512 no\r\n", "512 no\r\n"}, "tor refuses ADD_ONION (512)"},
      {"another address", {service_added(std::string(56, 'a'))}, "another address"},
      {"no address", {accepted}, "another address"},
      {"silence, then more", {service_added(other.ours.address), "250 OK\r\n"}, "answers what nobody asked"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    talk with;
    auto replies = row.replies;
    replies.insert(replies.begin(), {protocol_info("NULL"), accepted});
    with.hear(replies);
    CHECK_MESSAGE(has(with.error, row.expected), with.error);
    CHECK_FALSE(has(with.error, base::to_base64(with.ours.secret.reveal())));
    CHECK_FALSE(has(with.error, with.ours.address));
  }
}
