// Each scenario on packets: what triggers it, what does not, what happens, how long it lasts.
#include "tests/censor/unit/bytes.hpp"

#include <random>

using namespace landfall;
using namespace landfall::censor;
using namespace landfall::censor::testing;

namespace {

std::string hello_for(std::string_view sni) { return build_hello({.sni = std::string(sni)}); }

std::string random_bytes(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 source(seed);
  std::string out(1, '\x01');
  while (out.size() < size) out += static_cast<char>(source() & 0xff);
  return out;
}

bool untouched(const verdict& one) { return one.forward && one.injected.empty() && one.depart == 0ns; }

/// The server's `total` bytes in segments; how many passed.
std::size_t passed_down(line& l, std::size_t total, std::size_t segment = 1000) {
  std::size_t passed = 0;
  for (std::size_t sent = 0; sent < total; sent += segment)
    passed += l.down(std::string(segment, 'x')).forward ? segment : 0;
  return passed;
}

} // namespace

TEST_CASE("S02: a blocked name is answered by RSTs both ways, and the hello itself goes on") {
  line l(compiled("S02"));
  REQUIRE(l.connect());
  const auto hello = hello_for("www.blocked.example");
  const auto hit = l.up(hello);
  CHECK(hit.forward);
  REQUIRE(hit.injected.size() == 6);
  int to_client = 0;
  for (const auto& one : hit.injected) {
    CHECK(checksums_hold(one.bytes));
    const auto forged = parse_packet(one.bytes).value();
    CHECK(forged.flags == (tcp_rst | tcp_ack));
    CHECK(forged.ttl != 64);
    CHECK(forged.to == (one.to_client ? l.client : l.server));
    CHECK(forged.from == (one.to_client ? l.server : l.client));
    to_client += one.to_client ? 1 : 0;
  }
  CHECK(to_client == 3);
  const auto first = parse_packet(hit.injected[0].bytes).value();
  CHECK((first.seq == 5001 && first.ack == 1001 + hello.size())); // what the client's kernel takes for genuine
  CHECK(l.count("sni-reset", "triggered") == 1);
  CHECK(l.count("sni-reset", "resets") == 1);
}

TEST_CASE("S02: the residual state resets SYN/ACKs and data of the same three, and ends") {
  line l(compiled("S02"), {.seed = 3});
  REQUIRE(l.connect());
  (void)l.up(hello_for("blocked.example"));
  const auto lasts = std::chrono::milliseconds(l.count("sni-reset", "lasts_ms"));
  CHECK((lasts >= 60s && lasts <= 180s));
  l.now += 10s;
  ++l.client.port;
  CHECK(untouched(l.syn()));
  CHECK(l.syn_ack().injected.size() == 6);
  CHECK(untouched(l.ack()));
  CHECK(l.up(hello_for("fine.example")).injected.size() == 6);
  l.server.port = 8443;
  CHECK(l.connect()); // another port is another tuple
  l.server.port = 443;
  l.now = lasts + 1ms;
  CHECK(l.connect());
  CHECK(untouched(l.up(hello_for("fine.example"))));
}

TEST_CASE("S02: what does not trigger it") {
  for (const char* name : {"example", "unblocked.example", "blocked.example.org", ""}) {
    INFO(std::string(name));
    line l(compiled("S02"));
    REQUIRE(l.connect());
    CHECK(untouched(l.up(hello_for(name))));
    CHECK(untouched(l.down("a certificate for blocked.example")));
  }
  line l(compiled("S02"));
  REQUIRE(l.connect());
  CHECK(untouched(l.up(split_records(hello_for("blocked.example"), 60)))); // record splitting, 2024
}

TEST_CASE("S02: segments are put in order; S22 reads single ones") {
  const auto hello = hello_for("blocked.example");
  const auto cut = hello.size() / 2;
  const auto second = std::string_view(hello).substr(cut);
  for (const char* profile : {"S02", "S16", "S22"}) {
    INFO(std::string(profile));
    const auto ja4 = read_hello(hello, true).hello.ja4;
    const bool blind = std::string_view(profile) == "S22";
    line in_order(compiled(profile, {{"fingerprints", {ja4}}}));
    REQUIRE(in_order.connect());
    CHECK(untouched(in_order.up(hello.substr(0, cut))));
    CHECK(untouched(in_order.up(second)) == blind);
    line reversed(compiled(profile, {{"fingerprints", {ja4}}}));
    REQUIRE(reversed.connect());
    CHECK(untouched(reversed.up_ahead(static_cast<std::uint32_t>(cut), second)));
    CHECK(untouched(reversed.up(hello.substr(0, cut))) == blind);
  }
}

TEST_CASE("S02: an HTTP Host as well") {
  line l(compiled("S02"));
  l.server.port = 80;
  REQUIRE(l.connect());
  CHECK(l.up("GET / HTTP/1.1\r\nHost: blocked.example\r\n\r\n").injected.size() == 6);
  CHECK(l.count("host-reset", "triggered") == 1);
}

TEST_CASE("S03: every SYN and SYN/ACK of port 443, no other port") {
  line l(compiled("S03"));
  ++l.client.port;
  CHECK(l.syn().injected.size() == 6);
  CHECK(l.syn_ack().injected.size() == 6);
  l.server.port = 8443;
  CHECK(l.connect());
}

TEST_CASE("S04: connected is not success") {
  line l(compiled("S04", {{"suspects", {"10.9.0.10"}}}));
  REQUIRE(l.connect());
  CHECK(l.up(hello_for("fine.example")).injected.size() == 6);
  CHECK(untouched(l.down("a ServerHello")));
}

TEST_CASE("S05: forged answers race the true one, which passes") {
  line l(compiled("S05"));
  const auto query = build_dns_query(77, "www.blocked.example");
  const auto hit = l.datagram(query);
  CHECK(hit.forward);
  CHECK((hit.injected.size() == 2 || hit.injected.size() == 3));
  for (const auto& one : hit.injected) {
    const auto forged = parse_packet(one.bytes).value();
    CHECK((one.to_client && one.after >= 1ms && one.after <= 20ms));
    CHECK((forged.to == l.client && forged.from.port == 53));
    CHECK(forged.payload.substr(0, 2) == query.substr(0, 2));
    CHECK(read_dns_answers(forged.payload).at(0).text().starts_with("10.66.66."));
  }
  CHECK(!l.datagram(build_dns_query(78, "blocked.example")).injected.empty()); // the same socket asks again
  CHECK(untouched(l.datagram(build_dns_query(79, "fine.example"))));
  CHECK(untouched(l.datagram(query, 5353)));
  CHECK(l.count("dns-injection", "triggered") == 2);
}

TEST_CASE("S05: over TCP the query is reset; DNS of Turkmenistan says 127.0.0.1") {
  line l(compiled("S05"));
  l.server.port = 53;
  REQUIRE(l.connect());
  const auto query = build_dns_query(1, "blocked.example");
  CHECK(l.up(std::string(1, '\0') + static_cast<char>(query.size()) + query).injected.size() == 6);
  line tm(compiled("TM-DNS"));
  for (const auto& one : tm.datagram(query).injected)
    CHECK(read_dns_answers(parse_packet(one.bytes).value().payload).at(0).text() == "127.0.0.1");
}

TEST_CASE("S01 and S21: random first segments, and nothing else") {
  const auto random = random_bytes(400, 5);
  int dropped = 0;
  constexpr int tries = 2000;
  line l(from_text("rule fet\n  fully-encrypted\n  chance 0.263\n  do drop up\n"));
  for (int n = 0; n < tries; ++n) {
    REQUIRE(l.connect());
    const bool hit = !l.up(random).forward;
    dropped += hit ? 1 : 0;
    CHECK(l.up(random).forward == !hit); // the successors too, and no second throw
    CHECK(l.down(random).forward);
  }
  CHECK(dropped > tries * 0.22);
  CHECK(dropped < tries * 0.31);

  line picked_up(compiled("S21"));
  CHECK(untouched(picked_up.up(random))); // the middle of a connection that began before the censor

  line probing(compiled("S21"));
  REQUIRE(probing.connect());
  CHECK(untouched(probing.up(hello_for("blocked.example"))));
  REQUIRE(probing.connect());
  CHECK(untouched(probing.up(random)));
  const auto events = probing.censor.mind().take_events();
  const auto order = std::ranges::find(events, "probe", &event::what);
  REQUIRE(order != events.end());
  CHECK(order->server == probing.server);
  CHECK(order->about.size() == 2 * random.size());
  CHECK_FALSE(probing.down("an answer").forward); // silence
  ++probing.client.port;
  CHECK(probing.syn().forward);
  CHECK_FALSE(probing.syn_ack().forward);
  probing.server = at("10.9.0.11", 443);
  CHECK(probing.connect());
  probing.censor.mind().block(probing.server.host);
  CHECK_FALSE(probing.syn().forward);
}

TEST_CASE("S06 and S07: what hides the name") {
  const auto with = [](std::string sni, std::uint16_t extension) {
    return build_hello({.sni = std::move(sni), .more_extensions = {extension}});
  };
  struct row {
    const char *profile, *name;
    std::string hello;
    bool passes;
  };
  const row rows[] = {{"S06", "ESNI", with("", 0xffce), false},
                      {"S06", "ECH", with("a.example", 0xfe0d), true},
                      {"S06-ECH", "ECH", with("a.example", 0xfe0d), false},
                      {"S07", "ECH with Cloudflare's outer name", with("cloudflare-ech.com", 0xfe0d), false},
                      {"S07", "GREASE ECH with another name", with("a.example", 0xfe0d), true},
                      {"S07", "the name without ECH", with("cloudflare-ech.com", 0x0017), true}};
  for (const auto& row : rows) {
    INFO(std::string(row.profile));
    INFO(std::string(row.name));
    line l(compiled(row.profile));
    REQUIRE(l.connect());
    CHECK(l.up(row.hello).forward == row.passes);
  }
}

TEST_CASE("S10: two data packets decide, and a new violation arms the timer anew") {
  line l(compiled("S10"));
  REQUIRE(l.connect());
  CHECK(l.up(random_bytes(100, 1)).forward);
  CHECK(l.ack().forward);
  CHECK_FALSE(l.up(random_bytes(100, 2)).forward);
  CHECK_FALSE(l.ack().forward);
  CHECK(l.down("x").forward);
  l.now = 50s;
  REQUIRE(l.connect()); // handshakes pass
  CHECK_FALSE(l.up(random_bytes(100, 3)).forward);
  CHECK_FALSE(l.up(random_bytes(100, 4)).forward);
  l.now = 100s; // 60 s after the first, 50 s after the second violation
  REQUIRE(l.connect());
  CHECK_FALSE(l.up(hello_for("fine.example")).forward);
  l.now = 111s;
  REQUIRE(l.connect());
  CHECK(l.up(hello_for("fine.example")).forward);
  CHECK(l.up(random_bytes(100, 5)).forward);
  l.server.port = 4443;
  REQUIRE(l.connect());
  CHECK(l.up(random_bytes(100, 6)).forward);
  CHECK(l.up(random_bytes(100, 7)).forward);
}

TEST_CASE("S11: the handshake passes, then silence and a minute's penalty") {
  line l(compiled("S11"));
  REQUIRE(l.connect());
  CHECK(l.up(hello_for("other.example")).forward);
  CHECK(passed_down(l, 20000, 500) <= 6000);
  CHECK_FALSE(l.up("more").forward);
  ++l.client.port;
  CHECK_FALSE(l.syn().forward);
  l.now = 61s;
  REQUIRE(l.connect());
  CHECK(l.up(hello_for("www.allowed.example")).forward);
  CHECK(passed_down(l, 20000) == 20000);
}

TEST_CASE("S12: only DNS, slowly") {
  line l(compiled("S12"));
  CHECK_FALSE(l.syn().forward);
  CHECK(l.datagram(build_dns_query(1, "a.example")).forward);
  CHECK_FALSE(l.datagram(build_dns_query(1, "a.example"), 443).forward);
}

TEST_CASE("S13: only addresses that plain DNS has named") {
  line l(compiled("S13"));
  CHECK_FALSE(l.connect());
  const auto query = build_dns_query(1, "a.example");
  const packet answer{.from = at("10.9.0.53", 53), .to = l.client, .protocol = transport::udp, .payload = {}};
  auto told = answer;
  const auto message = forge_answer(query, *read_dns_query(query), {l.server.host});
  told.payload = message;
  (void)l.censor.judge(build_packet(told), false, l.now);
  CHECK(l.connect());
  l.now = 61s;
  CHECK_FALSE(l.connect());
}

TEST_CASE("S14: the curtain falls after 15 to 20 KB of one connection, and only from the server's side") {
  line l(compiled("S14"));
  std::size_t least = 100000, most = 0;
  for (int n = 0; n < 50; ++n) {
    REQUIRE(l.connect());
    CHECK(untouched(l.up(hello_for("other.example"))));
    const auto passed = passed_down(l, 40000, 100);
    least = std::min(least, passed);
    most = std::max(most, passed);
    CHECK(l.up("more").forward);
  }
  CHECK((least >= 14900 && most <= 20000 && most - least > 2000)); // drawn for each connection
  REQUIRE(l.connect());
  (void)l.up(hello_for("allowed.example"));
  CHECK(passed_down(l, 40000) == 40000);
  REQUIRE(l.connect());
  (void)l.up(hello_for("other.example"));
  CHECK(passed_down(l, 14000) == 14000); // what a resumed fetch stays under
}

TEST_CASE("S15: the thirteenth parallel connection freezes all of them for a minute") {
  line l(compiled("S15"));
  for (int n = 0; n < 12; ++n) {
    REQUIRE(l.connect());
    CHECK(l.up(hello_for("busy.example")).forward);
  }
  REQUIRE(l.connect());
  CHECK_FALSE(l.up(hello_for("busy.example")).forward);
  l.client.port = 40001;
  CHECK_FALSE(l.down("x").forward);
  l.server = at("10.9.0.11", 443);
  CHECK(l.connect());
}

TEST_CASE("S16: a fingerprint to a network, for a minute for this pair") {
  const auto hello = hello_for("fine.example");
  const definitions defined{{"fingerprints", {read_hello(hello, true).hello.ja4}}, {"foreign", {"10.9.0.0/24"}}};
  line l(compiled("S16", defined));
  REQUIRE(l.connect());
  CHECK(l.up(build_hello({.sni = "fine.example", .ciphers = {0x1301}})).forward); // another fingerprint
  REQUIRE(l.connect());
  CHECK_FALSE(l.up(hello).forward);
  CHECK_FALSE(l.down("x").forward);
  ++l.client.port;
  CHECK_FALSE(l.syn().forward);
  l.now = 61s;
  REQUIRE(l.connect());
  CHECK_FALSE(l.up(split_records(hello, 50)).forward); // record splitting is not credited
  l.server = at("192.0.2.10", 443);
  REQUIRE(l.connect());
  CHECK(l.up(hello).forward);
}

TEST_CASE("S18: a throttled flow has its rate after its burst") {
  line l(compiled("S18"));
  REQUIRE(l.connect());
  (void)l.up(hello_for("throttled.example"));
  nanoseconds last{0};
  std::size_t sent = 0;
  for (; sent < 60000; sent += 1000) {
    const auto one = l.down(std::string(1000, 'x'));
    REQUIRE(one.forward);
    last = std::max(last, one.depart);
  }
  const auto expected = 1000ms * (sent - 15000) / 17500; // 140 kbit/s
  CHECK((last > expected - 100ms && last < expected + 100ms));
  CHECK(passed_down(l, 200000) < 30000); // policed beyond the queue
  REQUIRE(l.connect());
  (void)l.up(hello_for("quick.example"));
  CHECK(untouched(l.down(std::string(1400, 'x'))));
}

TEST_CASE("S19 and S26: addresses that are not there") {
  for (const char* profile : {"S19", "S26"}) {
    line l(compiled(profile));
    l.server = at("203.0.113.10", 443);
    CHECK_FALSE(l.syn().forward);
    l.server = at("10.9.0.10", 443);
    CHECK(l.connect());
  }
}

TEST_CASE("time can be scaled, and a seed is a run") {
  line l(compiled("S02"), {.seed = 9, .time_scale = 0.01});
  const auto lasts = l.count("sni-reset", "lasts_ms");
  CHECK((lasts >= 600 && lasts <= 1800));
  line again(compiled("S02"), {.seed = 9, .time_scale = 0.01}),
      other(compiled("S02"), {.seed = 10, .time_scale = 0.01});
  CHECK(again.count("sni-reset", "lasts_ms") == lasts);
  CHECK(other.count("sni-reset", "lasts_ms") != lasts);
}

TEST_CASE("memory is bounded: the oldest flows are forgotten") {
  line l(compiled("S14"), {.flows = 8});
  for (int n = 0; n < 100; ++n) REQUIRE(l.connect());
  CHECK(l.censor.mind().counters().at("flows").to_number<int>() == 8);
  REQUIRE(l.connect());
  CHECK(untouched(l.up_ahead(1 << 20, "far ahead")));
}
