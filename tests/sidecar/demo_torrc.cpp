// The private Tor network of the demo: what its programs are told, and what is read of what they answer.
#include "sidecar/demo_torrc.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace landfall;
using namespace landfall::sidecar;

namespace {

const std::string digits(40, 'A');

demo_tor_place place(std::uint16_t files) {
  return {"/tmp/a demo/authority1", "authority1", "127.65.66.67", 41001, files};
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST_CASE("an authority is known by its keys, and listens where its line says") {
  const auto line = directory_line(place(41002), digits, std::string(40, 'B'));
  CHECK(line == "DirAuthority authority1 orport=41001 no-v2 v3ident=" + digits + " 127.65.66.67:41002 " +
                    std::string(40, 'B') + "\n");
  const auto torrc = authority_torrc(place(41002), line);
  for (const auto* expected : {"ORPort 127.65.66.67:41001", "DirPort 127.65.66.67:41002", "Address 127.65.66.67",
                               "DataDirectory \"/tmp/a demo/authority1\"",
                               "ControlPort unix:\"/tmp/a demo/authority1/control\"", "V3AuthoritativeDirectory 1"})
    CHECK_MESSAGE(has_line(torrc, expected), expected);
  CHECK(torrc.ends_with('\n'));
}

TEST_CASE("every tor of the network knows its authorities, and nobody else's") {
  const std::string line = directory_line(place(41002), digits, digits);
  for (const auto& torrc : {authority_torrc(place(41002), line), relay_torrc(place(0), line),
                            service_torrc(place(0), line), client_torrc(line)}) {
    CHECK(has_line(torrc, line.substr(0, line.size() - 1)));
    CHECK(has_line(torrc, "TestingTorNetwork 1"));
  }
}

TEST_CASE("a relay remembers a day of bandwidth that ends now") {
  const auto state = relay_state(1'795'790'000);
  for (const auto* direction : {"Read", "Write"}) {
    CHECK(has_line(state, std::string("BWHistory") + direction + "Ends 2026-11-27 14:33:20"));
    CHECK(has_line(state, std::string("BWHistory") + direction + "Maxima 1000000"));
  }
}

TEST_CASE("documents come from authorities alone") {
  CHECK(has_line(authority_torrc(place(41002), ""), "DirCache 1"));
  CHECK(has_line(relay_torrc(place(0), ""), "DirCache 0"));
}

TEST_CASE("no relay leads out of the network, and no tor of it listens for applications") {
  for (const auto& torrc : {authority_torrc(place(41002), ""), relay_torrc(place(0), "")}) {
    CHECK(has_line(torrc, "ExitRelay 0"));
    CHECK(has_line(torrc, "ExitPolicy reject *:*"));
    CHECK(has_line(torrc, "SocksPort 0"));
  }
  CHECK(has_line(service_torrc(place(0), ""), "SocksPort 0"));
  CHECK(relay_torrc(place(0), "").find("ControlPort") == std::string::npos);
}

TEST_CASE("an authority's identity is the fingerprint in its certificate") {
  struct {
    const char* name;
    std::string text;
    bool good;
  } const cases[]{
      {"as tor-gencert writes it",
       "dir-key-certificate-version 3\nfingerprint " + digits + "\ndir-key-published 2026\n", true},
      {"at the end", "fingerprint " + digits, true},
      {"none", "dir-key-certificate-version 3\n", false},
      {"empty", "", false},
      {"too short", "fingerprint " + digits.substr(1) + "\n", false},
      {"too long", "fingerprint " + digits + "A\n", false},
      {"not hex", "fingerprint " + digits.substr(1) + "G\n", false},
      {"in the middle of a line", "x fingerprint " + digits + "\n", false},
  };
  for (const auto& one : cases) {
    const auto got = identity_in(one.text);
    CHECK_MESSAGE(got.has_value() == one.good, one.name);
    if (got) CHECK(*got == digits);
  }
}

TEST_CASE("a relay's fingerprint is read of what tor prints of it, whatever it warns of before") {
  std::string grouped;
  for (int i = 0; i < 10; ++i) grouped += " AAAA";
  struct {
    const char* name;
    std::string text;
    bool good;
  } const cases[]{
      {"as tor prints it", "authority1" + grouped + "\n", true},
      {"after its log", "Nov 27 15:47:23.267 [warn] You are running Tor as root.\nauthority1" + grouped + "\n", true},
      {"in one piece", "authority1 " + digits + "\n", true},
      {"nothing", "", false},
      {"a warning alone", "Nov 27 15:47:23.267 [warn] You are running Tor as root.\n", false},
      {"no nickname", digits + "\n", false},
      {"too short", "authority1" + grouped.substr(5) + "\n", false},
  };
  for (const auto& one : cases) {
    const auto got = fingerprint_in(one.text);
    CHECK_MESSAGE(got.has_value() == one.good, one.name);
    if (got) CHECK(*got == digits);
  }
}

TEST_CASE("relays of a consensus are its lines that begin with r") {
  CHECK(relays_in("") == 0);
  CHECK(relays_in("r relay1 AAAA BBBB 2026-11-27 15:00:00 127.65.66.67 41001 0\ns Fast Guard\nw Bandwidth=1\n"
                  "r authority1 CCCC DDDD 2026-11-27 15:00:00 127.65.66.67 41002 41003\ns Authority") == 2);
  CHECK(relays_in("s r \nrelay\nr") == 0);
}

TEST_CASE("a descriptor that has arrived is told apart from one that is made, or lost") {
  CHECK(is_upload("HS_DESC UPLOADED abc UNKNOWN $AAAA"));
  CHECK_FALSE(is_upload("HS_DESC UPLOAD abc UNKNOWN $AAAA"));
  CHECK_FALSE(is_upload("HS_DESC FAILED abc UNKNOWN $AAAA REASON=UPLOAD_REJECTED"));
  CHECK_FALSE(is_upload(""));
}

TEST_CASE("all start at a full ten seconds of the clock, the next one") {
  using std::chrono::seconds;
  CHECK(until_start(1'795'790'000) == seconds(10));
  CHECK(until_start(1'795'790'001) == seconds(9));
  CHECK(until_start(1'795'790'009) == seconds(1));
}

TEST_CASE("how far tor is, as events say it") {
  const auto got = tor_progress_in("45 % requesting_descriptors");
  REQUIRE(got);
  CHECK(got->percent == 45);
  CHECK(got->phase == "requesting_descriptors");
  CHECK(tor_progress_in("100 % done")->percent == 100);
  for (const auto* bad : {"", "45", "45 %", "45 % ", "101 % done", "x % done", "-1 % done"})
    CHECK_FALSE(tor_progress_in(bad));
}
