#include "config/endpoint.hpp"

#include "config/host.hpp"

#include <doctest/doctest.h>

using namespace landfall;

TEST_CASE("an endpoint has one form") {
  struct row {
    const char *name, *text, *canonical; ///< nullptr: refused
  };
  const row rows[] = {
      {"IPv4", "tcp://198.51.100.1:443", "tcp://198.51.100.1:443"},
      {"UDP, IPv6", "udp://[2001:db8::1]:443", "udp://[2001:db8::1]:443"},
      {"IPv6 in long", "tcp://[2001:0DB8:0:0:0:0:0:1]:1", "tcp://[2001:db8::1]:1"},
      {"IPv4-mapped", "tcp://[::ffff:198.51.100.1]:443", "tcp://198.51.100.1:443"},
      {"no scheme", "198.51.100.1:443", nullptr},
      {"another scheme", "sctp://198.51.100.1:443", nullptr},
      {"upper-case scheme", "TCP://198.51.100.1:443", nullptr},
      {"a name", "tcp://peer.example.net:443", nullptr},
      {"no port", "tcp://198.51.100.1", nullptr},
      {"port 0", "tcp://198.51.100.1:0", nullptr},
      {"port 65535", "tcp://198.51.100.1:65535", "tcp://198.51.100.1:65535"},
      {"port 65536", "tcp://198.51.100.1:65536", nullptr},
      {"port with a nought in front", "tcp://198.51.100.1:0443", nullptr},
      {"port with a sign", "tcp://198.51.100.1:+443", nullptr},
      {"something after the port", "tcp://198.51.100.1:443/", nullptr},
      {"IPv6 without brackets", "tcp://2001:db8::1:443", nullptr},
      {"brackets left open", "tcp://[2001:db8::1:443", nullptr},
      {"IPv4 in brackets", "tcp://[198.51.100.1]:443", nullptr},
      {"a scope", "tcp://[fe80::1%eth0]:443", nullptr},
      {"octal", "tcp://0198.51.100.1:443", nullptr},
      {"three parts", "tcp://198.51.100:443", nullptr},
      {"hex", "tcp://0xc6336401:443", nullptr},
      {"a space", "tcp:// 198.51.100.1:443", nullptr},
      {"nothing", "", nullptr},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto parsed = config::endpoint::parse(row.text);
    CHECK(parsed.has_value() == (row.canonical != nullptr));
    if (!parsed || !row.canonical) continue;
    CHECK(parsed->to_string() == row.canonical);
    CHECK(config::endpoint::parse(parsed->to_string()).value() == *parsed);
  }
  CHECK_FALSE(config::endpoint::parse(std::string_view("tcp://198.51.100.1\0:443", 22)).has_value());
  CHECK(config::endpoint::parse("tcp://" + std::string(600, '1')).error().what == base::outcome::too_large);
}

TEST_CASE("special addresses are not global") {
  const std::pair<const char*, bool> rows[] = {
      {"0.0.0.0", false},
      {"10.1.2.3", false},
      {"100.64.0.1", false},
      {"100.63.255.255", true},
      {"100.128.0.0", true},
      {"127.0.0.1", false},
      {"169.254.169.254", false},
      {"172.15.0.1", true},
      {"172.16.0.1", false},
      {"172.31.255.255", false},
      {"172.32.0.0", true},
      {"192.0.0.8", false},
      {"192.0.2.1", true},
      {"192.168.1.1", false},
      {"198.17.255.255", true},
      {"198.18.0.1", false},
      {"198.19.255.255", false},
      {"198.51.100.1", true},
      {"203.0.113.1", true},
      {"223.255.255.255", true},
      {"224.0.0.1", false},
      {"255.255.255.255", false},
      {"8.8.8.8", true},
      {"::", false},
      {"::1", false},
      {"::ffff:10.0.0.1", false},
      {"::ffff:8.8.8.8", true},
      {"::8.8.8.8", false},
      {"64:ff9b::8.8.8.8", true},
      {"64:ff9b::10.0.0.1", false},
      {"64:ff9b:1::8.8.8.8", false},
      {"100::1", false},
      {"2001::1", false},
      {"2001:2::1", false},
      {"2001:10::1", false},
      {"2001:200::1", true},
      {"2001:db8::1", true},
      {"2002:808:808::1", true},
      {"2002:a00:1::1", false},
      {"2a00::1", true},
      {"3fff:ffff::1", true},
      {"4000::1", false},
      {"fc00::1", false},
      {"fd12::1", false},
      {"fe80::1", false},
      {"fec0::1", false},
      {"ff02::1", false},
  };
  for (const auto& [text, global] : rows) {
    CAPTURE(text);
    CHECK(config::ip_address::parse(text).value().is_global() == global);
  }
}

TEST_CASE("host names are DNS names that no resolver takes for an address") {
  const std::pair<const char*, bool> rows[] = {
      {"example.net", true},
      {"localhost", true},
      {"a-b.example", true},
      {"1.example", true},
      {"xn--bcher-kva.example", true},
      {"", false},
      {".", false},
      {"example.net.", false},
      {"a..b", false},
      {"-a.example", false},
      {"a-.example", false},
      {"a_b.example", false},
      {"Example.net", false},
      {"127.1", false},
      {"2130706433", false},
      {"0x7f000001", false},
      {"a.0x7f", false},
      {"a.1", false},
      {"a b", false},
      {"b\xc3\xbc.example", false},
  };
  for (const auto& [text, good] : rows) {
    CAPTURE(text);
    CHECK(config::is_host_name(text) == good);
  }
  CHECK(config::is_host_name(std::string(63, 'a') + ".example"));
  CHECK_FALSE(config::is_host_name(std::string(64, 'a') + ".example"));
}

TEST_CASE("onion addresses are checked to the last character") {
  const std::tuple<const char*, const char*, const char*> rows[] = {
      {"one of the wild", "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion", ""},
      {"one of our own making", "b5mc7r4ptwy7n2no32obhq5t633da75eteowtf6dkxzc2bwdebpl7rqd.onion", ""},
      {"version 2 in its last byte", "b5mc7r4ptwy7n2no32obhq5t633da75eteowtf6dkxzc2bwdebpczgqc.onion", "version 3"},
      {"a wrong checksum", "b5mc7r4ptwy7n2no32obhq5t633da75eteowtf6dkxzc2bwdebpl5rqd.onion", "checksum"},
      {"two characters swapped", "5bmc7r4ptwy7n2no32obhq5t633da75eteowtf6dkxzc2bwdebpl7rqd.onion", "checksum"},
      {"a character that base32 lacks", "15mc7r4ptwy7n2no32obhq5t633da75eteowtf6dkxzc2bwdebpl7rqd.onion",
       "a-z and 2-7"},
      {"a v2 address", "expyuzz4wqqyqhjn.onion", "56 characters"},
      {"a name below it", "www.duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion", "56 characters"},
      {"another suffix", "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.example", "not an onion"},
  };
  for (const auto& [name, host, refused] : rows) {
    CAPTURE(name);
    const auto checked = config::check_onion(host);
    CHECK(checked.has_value() == std::string_view(refused).empty());
    if (!checked) CHECK(checked.error().detail.find(refused) != std::string::npos);
  }
}
