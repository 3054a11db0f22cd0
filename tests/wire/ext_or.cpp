#include "wire/ext_or.hpp"

#include "crypto/hash.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace std::string_literals;
using base::outcome;

namespace {

const std::string cookie(32, 'c'), nonce(32, 'n'), server_nonce(32, 's');

std::string hash(std::string_view direction) {
  const auto text = "ExtORPort authentication " + std::string(direction) + " hash" + nonce + server_nonce;
  return std::string(crypto::hmac_sha256(cookie, text).view());
}

/// Gives `tor` to the machine, at most `piece` bytes at a time and never more than it wants; what it sent, or how it
/// failed.
base::result<std::string> talk(std::string_view tor, std::size_t piece, bool& accepted,
                               std::string user = "192.0.2.1:1234") {
  wire::ext_or_client client(base::secret(cookie), nonce, std::move(user), "obfs4");
  std::string sent;
  accepted = false;
  while (!tor.empty() && !accepted) {
    const auto size = std::min({piece, tor.size(), client.wanted()});
    auto step = client.take(tor.substr(0, size));
    if (!step) return step.error();
    sent += step->send;
    accepted = step->accepted;
    tor.remove_prefix(size);
  }
  if (accepted) CHECK(tor == "stream"); // not a byte of it was taken
  return sent;
}

const std::string good =
    "\x01\x00"s + hash("server-to-client") + server_nonce + "\x01" + "\x10\x00\x00\x00"s + "stream";

} // namespace

TEST_CASE("the extended OR port is told who comes, and by what") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{1000}}) {
    bool accepted = false;
    const auto sent = talk(good, piece, accepted);
    REQUIRE(sent.has_value());
    CHECK(accepted);
    CHECK(*sent == "\x01" + nonce + hash("client-to-server") + "\x00\x01\x00\x0e"s + "192.0.2.1:1234" +
                       "\x00\x02\x00\x05"s + "obfs4" + "\x00\x00\x00\x00"s);
    const auto unnamed = talk(good, piece, accepted, "");
    CHECK(unnamed.value() ==
          "\x01" + nonce + hash("client-to-server") + "\x00\x02\x00\x05"s + "obfs4" + "\x00\x00\x00\x00"s);
  }
  bool accepted = false;
  const auto control = "\x02\x01\x00"s + hash("server-to-client") + server_nonce + "\x01" + "\x10\x02\x00\x03"s +
                       "abc" + "\x77\x77\x00\x00"s + "\x10\x00\x00\x00"s + "stream";
  CHECK(talk(control, 7, accepted).has_value());
  CHECK(accepted);
}

TEST_CASE("an extended OR port that is none") {
  struct row {
    const char* name;
    std::string tor;
    outcome what;
  };
  for (const auto& [name, tor, what] : {
           row{"no cookies", "\x02\x00"s, outcome::proxy_failed},
           row{"nothing", "\x00"s, outcome::proxy_failed},
           row{"a list without an end", std::string(1000, '\x01'), outcome::malformed},
           row{"another cookie", "\x01\x00"s + std::string(64, 'x'), outcome::proxy_failed},
           row{"refused", "\x01\x00"s + hash("server-to-client") + server_nonce + "\x00"s, outcome::proxy_failed},
           row{"denied", "\x01\x00"s + hash("server-to-client") + server_nonce + "\x01\x10\x01\x00\x00"s,
               outcome::proxy_failed},
           row{"long", "\x01\x00"s + hash("server-to-client") + server_nonce + "\x01\x10\x02\xff\xff"s,
               outcome::malformed},
       }) {
    CAPTURE(name);
    bool accepted = false;
    const auto sent = talk(tor, 1000, accepted);
    REQUIRE_FALSE(sent.has_value());
    CHECK(sent.error().what == what);
  }
  wire::ext_or_client client(base::secret(cookie), nonce, "", "obfs4");
  CHECK_FALSE(client.take("\x01\x00"s).has_value()); // more than was wanted
}

TEST_CASE("the cookie's file") {
  CHECK(wire::read_ext_or_cookie("! Extended ORPort Auth Cookie !\n" + cookie)->reveal() == cookie);
  for (const auto& text :
       {""s, cookie, "! Extended ORPort Auth Cookie !\n"s, "! Extended ORPort Auth Cookie !\n" + cookie + "x",
        "? Extended ORPort Auth Cookie !\n" + cookie})
    CHECK_FALSE(wire::read_ext_or_cookie(text).has_value());
}
