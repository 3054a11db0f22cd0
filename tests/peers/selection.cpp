#include "peers/selection.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

using namespace landfall;
using peers::candidate;
using peers::source;

namespace {

using texts = std::vector<std::string>;

config::endpoint at(std::string_view text) { return config::endpoint::parse(text).value(); }

/// A candidate that shares nothing with those of other numbers.
candidate alone(int n, source from = source::list) {
  candidate out;
  out.id = fmt::format("peer-{:03}", n);
  out.endpoints = {at(fmt::format("tcp://{}.{}.0.1:443", 20 + n / 250, n % 250))};
  out.source = from;
  out.asn = 1000 + n;
  out.cc = fmt::format("{}{}", static_cast<char>('A' + n / 26 % 26), static_cast<char>('A' + n % 26));
  return out;
}

template <class Change> std::vector<candidate> many(int count, Change change) {
  std::vector<candidate> out;
  for (int n = 0; n < count; ++n) {
    out.push_back(alone(n));
    change(out.back(), n);
  }
  return out;
}

texts ids(const peers::chosen& from) {
  texts out;
  for (const auto& c : from.peers) out.push_back(c.id);
  return out;
}

std::size_t count(const peers::chosen& from, source wanted) {
  return static_cast<std::size_t>(
      std::count_if(from.peers.begin(), from.peers.end(), [&](const candidate& c) { return c.source == wanted; }));
}

} // namespace

TEST_CASE("the group of an address is its /16 or /32, also inside of 6to4 and NAT64") {
  const std::pair<const char*, const char*> rows[] = {
      {"tcp://198.51.100.1:443", "198.51.0.0/16"},         {"udp://198.51.7.9:1", "198.51.0.0/16"},
      {"tcp://[2001:db8:1::1]:443", "2001:0db8::/32"},     {"tcp://[2002:c633:6401::1]:443", "198.51.0.0/16"},
      {"tcp://[64:ff9b::c633:6401]:443", "198.51.0.0/16"}, {"tcp://[::ffff:198.51.100.1]:443", "198.51.0.0/16"},
  };
  for (const auto& [endpoint, group] : rows) {
    CAPTURE(endpoint);
    CHECK(peers::group_of(at(endpoint)) == group);
  }
}

TEST_CASE("what is handed over is spread, and relaxed in the order country, ASN, group, which is said") {
  struct row {
    const char* name;
    std::vector<candidate> from;
    std::size_t asked, given;
    texts degraded;
  };
  const row rows[] = {
      {"all different", many(20, [](auto&, int) {}), 8, 8, {}},
      {"fewer than asked for", many(3, [](auto&, int) {}), 8, 3, {}},
      {"nobody", {}, 8, 0, {}},
      {"none asked for", many(3, [](auto&, int) {}), 0, 0, {}},
      {"4 of one country are fine", many(4, [](auto& c, int) { c.cc = "DE"; }), 8, 4, {}},
      {"5 of one country are not", many(5, [](auto& c, int) { c.cc = "DE"; }), 8, 5, {"country"}},
      {"2 of one ASN are fine", many(2, [](auto& c, int) { c.asn = 64496; }), 8, 2, {}},
      {"3 of one ASN are not", many(3, [](auto& c, int) { c.asn = 64496; }), 8, 3, {"asn"}},
      {"2 of one group are not",
       many(2, [](auto& c, int n) { c.endpoints = {at(fmt::format("tcp://20.0.{}.1:1", n))}; }),
       8,
       2,
       {"group"}},
      {"others are found, so nothing is relaxed",
       many(20,
            [](auto& c, int n) {
              if (n < 12) c.cc = "DE";
            }),
       8,
       8,
       {}},
      {"one country and one ASN", many(5, [](auto& c, int) { c.cc = "DE", c.asn = 64496; }), 8, 5, {"country", "asn"}},
      {"no more is broken than must be",
       many(8,
            [](auto& c, int n) {
              c.cc = "DE";
              if (n >= 6) c.endpoints = {at("tcp://20.0.9.9:1")};
            }),
       6,
       6,
       {"country"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto out = peers::choose(row.from, row.asked, 1);
    CHECK(out.peers.size() == row.given);
    CHECK(out.degraded == row.degraded);
  }
}

TEST_CASE("unknown ASNs and countries are not one network: each peer counts by its group") {
  // go-libp2p's filter used one key for all peers of unknown ASN, so that two of them shut all others out.
  const auto unknown = many(8, [](auto& c, int n) {
    c.asn = 0;
    c.cc.clear();
    c.endpoints = {at(fmt::format("tcp://[2a00:{:x}::1]:443", n + 1))};
  });
  const auto out = peers::choose(unknown, 8, 1);
  CHECK(out.peers.size() == 8);
  CHECK(out.degraded.empty());

  const auto one_group = many(3, [](auto& c, int n) {
    c.asn = 0;
    c.endpoints = {at(fmt::format("tcp://20.0.{}.1:443", n))};
  });
  CHECK(peers::choose(one_group, 3, 1).degraded == texts{"asn", "group"});
}

TEST_CASE("the same seed gives the same answer, whatever the order of the candidates; another seed another one") {
  auto from = many(100, [](auto&, int) {});
  const auto first = ids(peers::choose(from, 8, 7));
  CHECK(ids(peers::choose(from, 8, 7)) == first);
  std::reverse(from.begin(), from.end());
  CHECK(ids(peers::choose(from, 8, 7)) == first);
  CHECK(ids(peers::choose(from, 8, 8)) != first);
}

TEST_CASE("a peer of nine times the weight comes first nine times as often") {
  const auto two = many(2, [](auto& c, int n) { c.weight = n == 0 ? 900 : 100; });
  int heavy_first = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed)
    heavy_first += ids(peers::choose(two, 1, seed)).front() == "peer-000";
  CHECK(heavy_first > 1740); // 1800 expected, deviation 13
  CHECK(heavy_first < 1860);
}

TEST_CASE("weight 0 comes after all others, and still comes") {
  const auto from = many(9, [](auto& c, int n) { c.weight = n == 0 ? 0 : 1; });
  for (std::uint64_t seed = 0; seed < 50; ++seed) CHECK(ids(peers::choose(from, 9, seed)).back() == "peer-000");
}

TEST_CASE("who could not be reached comes last, those with the most failures at the very end") {
  const auto from = many(10, [](auto& c, int n) { c.failures = n < 2 ? 2 - n : 0; });
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto all = ids(peers::choose(from, 10, seed));
    CHECK(all[8] == "peer-001");
    CHECK(all[9] == "peer-000");
    const auto eight = ids(peers::choose(from, 8, seed));
    CHECK(std::find(eight.begin(), eight.end(), "peer-000") == eight.end());
  }
}

TEST_CASE("hints leave half of the answer to signed peers, and one kind of hint the other half to the rest") {
  const auto mixed = [](int signed_ones, int dht, int live) {
    return many(signed_ones + dht + live, [&](auto& c, int n) {
      c.source = n < signed_ones ? source::list : n < signed_ones + dht ? source::dht : source::live;
    });
  };
  SUBCASE("signed ones go first") { CHECK(count(peers::choose(mixed(20, 20, 20), 8, 1), source::list) == 8); }
  SUBCASE("failed signed ones still get half") {
    auto from = mixed(20, 20, 20);
    for (auto& c : from)
      if (c.source == source::list) c.failures = 3;
    const auto out = peers::choose(from, 8, 1);
    CHECK(count(out, source::list) == 4);
    CHECK(out.peers.back().source == source::list);
  }
  SUBCASE("hints fill what signed ones cannot") {
    const auto out = peers::choose(mixed(2, 20, 20), 8, 1);
    CHECK(count(out, source::list) == 2);
    CHECK(count(out, source::dht) <= 4);
    CHECK(count(out, source::live) <= 4);
    CHECK(out.peers.size() == 8);
    CHECK(out.degraded.empty());
  }
  SUBCASE("one kind of hint alone is said") {
    const auto out = peers::choose(mixed(0, 20, 0), 8, 1);
    CHECK(out.peers.size() == 8);
    CHECK(out.degraded == texts{"kind"});
  }
}

TEST_CASE("manual peers are the user's choice: in any case, beside the rules, at most half while there are others") {
  auto from = many(12, [](auto& c, int n) {
    if (n >= 6) return;
    c.source = source::manual;
    c.endpoints = {at(fmt::format("tcp://20.6.{}.1:443", n))}; // the group of peer 6, too
    c.failures = 1;
  });
  const auto out = peers::choose(from, 8, 1);
  CHECK(count(out, source::manual) == 4);
  CHECK(count(out, source::list) == 4);
  CHECK(out.degraded.empty());
  CHECK(count(peers::choose(from, 12, 1), source::manual) == 6);
  from.resize(6);
  CHECK(peers::choose(from, 8, 1).peers.size() == 6);
}

TEST_CASE("one id is handed over once, the signed one; a peer without endpoints never") {
  auto twice = alone(1);
  twice.source = source::dht;
  auto nowhere = alone(2);
  nowhere.endpoints.clear();
  const auto out = peers::choose({twice, alone(1), nowhere}, 8, 1);
  REQUIRE(out.peers.size() == 1);
  CHECK(out.peers.front().source == source::list);
}
