#include "wire/obfs4_guard.hpp"

#include "obfs4_samples.hpp"
#include "wire/obfs4_shape.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

using namespace landfall;
using namespace obfs4_samples;
using namespace std::chrono_literals;

TEST_CASE("the replay filter remembers for three hours, and no more than it has room for") {
  wire::obfs4_replay_filter filter({1, 2, 3}, 1000);
  const base::steady_time start{};
  CHECK_FALSE(filter.seen("a", start));
  CHECK(filter.seen("a", start + 1s));
  CHECK(filter.seen("a", start + 3h - 1s));
  CHECK_FALSE(filter.seen("a", start + 3h));
  for (int i = 0; i < 5000; ++i) CHECK_FALSE(filter.seen("flood " + std::to_string(i), start + 3h));
  CHECK(filter.size() == 1000);
  CHECK(filter.seen("flood 4999", start + 3h));
  CHECK(filter.seen("flood 4000", start + 3h));
  CHECK_FALSE(filter.seen("flood 3999", start + 3h)); // the oldest went first
  CHECK(filter.size() == 1000);
  CHECK_FALSE(filter.seen("b", start + 6h));
  CHECK(filter.size() == 1);
}

TEST_CASE("a bridge holds strangers for a time of its own, from 30 to 89 seconds") {
  std::set<long> delays;
  const base::steady_time opened(17s);
  for (int i = 0; i < 500; ++i) {
    const auto who = wire::make_obfs4_identity();
    const auto patience = wire::obfs4_patience::of(opened, who), again = wire::obfs4_patience::of(opened, who);
    CHECK(patience.answer_until == opened + 30s);
    CHECK(patience.close_at == again.close_at);
    const auto extra = std::chrono::duration_cast<std::chrono::seconds>(patience.close_at - patience.answer_until);
    CHECK(extra >= 0s);
    CHECK(extra <= 59s);
    delays.insert(static_cast<long>(extra.count()));
  }
  CHECK(delays.size() > 50);
}

TEST_CASE("an identity survives its state file, and is derived from a seed always the same") {
  const auto who = wire::make_obfs4_identity();
  const auto read = wire::read_obfs4_state(wire::obfs4_state(who));
  REQUIRE(read.has_value());
  CHECK(read->open == who.open);
  CHECK(read->secret.reveal() == who.secret.reveal());
  CHECK(read->shape == who.shape);
  CHECK(wire::derive_obfs4_identity("seed").open == wire::derive_obfs4_identity("seed").open);
  CHECK_FALSE(wire::derive_obfs4_identity("seed").open == wire::derive_obfs4_identity("Seed").open);
  // As obfs4proxy 0.0.14 wrote it.
  const auto theirs = wire::read_obfs4_state(
      R"({"node-id":"0000000000000000000000000000000000000000","private-key":"0000000000000000000000000000000000000000000000000000000000000000","public-key":"2fe57da347cd62431528daac5fbb290730fff684afc4cfc2ed90995f58cb3b74","drbg-seed":"000000000000000000000000000000000000000000000000","iat-mode":2})");
  REQUIRE(theirs.has_value());
  CHECK(theirs->open.iat == wire::iat_mode::paranoid);

  struct row {
    const char *name, *from, *to;
  };
  const row rows[] = {
      {"another key", "\"public-key\":\"", "\"public-key\":\"00"},
      {"no seed", "drbg-seed", "drbg"},
      {"iat mode 3", "\"iat-mode\":0", "\"iat-mode\":3"},
      {"iat mode as text", "\"iat-mode\":0", "\"iat-mode\":\"0\""},
      {"not JSON", "{", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto text = wire::obfs4_state(who);
    const auto at = text.find(row.from);
    REQUIRE(at != std::string::npos);
    text.replace(at, std::string(row.from).size(), row.to);
    CHECK_FALSE(wire::read_obfs4_state(text).has_value());
  }
}

TEST_CASE("arguments of a bridge line") {
  const auto bridge = known_identity().open;
  const auto cert = read_vector("obfs4.txt").at("cert");
  using list = std::vector<std::pair<std::string, std::string>>;
  struct row {
    const char* name;
    list arguments;
    const char* error; ///< nullptr: taken
  };
  const std::string id = "202122232425262728292a2b2c2d2e2f30313233";
  const std::string key = base::to_hex({reinterpret_cast<const char*>(bridge.public_key.data()), 32});
  const row rows[] = {
      {"cert", {{"cert", cert}, {"iat-mode", "0"}}, nullptr},
      {"others are ignored", {{"x", "y"}, {"iat-mode", "0"}, {"cert", cert}}, nullptr},
      {"the old form", {{"node-id", id}, {"public-key", key}, {"iat-mode", "0"}}, nullptr},
      {"nothing", {}, "cert"},
      {"no mode", {{"cert", cert}}, "iat-mode"},
      {"mode 3", {{"cert", cert}, {"iat-mode", "3"}}, "iat-mode"},
      {"mode 00", {{"cert", cert}, {"iat-mode", "00"}}, "iat-mode"},
      {"no mode's value", {{"cert", cert}, {"iat-mode", ""}}, "iat-mode"},
      {"a short cert", {{"cert", cert.substr(4)}, {"iat-mode", "0"}}, "cert"},
      {"a padded cert", {{"cert", cert + "=="}, {"iat-mode", "0"}}, "cert"},
      {"half of the old form", {{"node-id", id}, {"iat-mode", "0"}}, "cert"},
      {"a short id", {{"node-id", "20"}, {"public-key", key}, {"iat-mode", "0"}}, "node-id"},
      {"a key that is none", {{"node-id", id}, {"public-key", "zz"}, {"iat-mode", "0"}}, "public-key"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto read = wire::read_obfs4_arguments(row.arguments);
    CHECK(read.has_value() == (row.error == nullptr));
    if (read) CHECK(*read == bridge);
    if (!read && row.error) CHECK(read.error().detail.starts_with(row.error));
  }
}

TEST_CASE("a distribution is drawn from as it says") {
  crypto::siphash_drbg random(random_seed());
  for (int round = 0; round < 5; ++round) {
    const wire::obfs4_distribution lengths(random_seed(), 1448);
    std::map<std::uint16_t, int> counts;
    constexpr int draws = 20000;
    for (int i = 0; i < draws; ++i) ++counts[lengths.sample(random)];
    double sum = 0;
    for (const auto& [value, p] : lengths.probabilities()) {
      sum += p;
      CHECK(value <= 1448);
      CHECK(std::abs(counts[value] - draws * p) <= 6 * std::sqrt(draws * p * (1 - p)) + 1);
      counts.erase(value);
    }
    CHECK(sum == doctest::Approx(1.0));
    CHECK(counts.empty());
  }
}

TEST_CASE("the seed by which 64 MiB are sent in the iat modes: short pauses and long lengths, as its file says") {
  const auto known = read_vector("obfs4_short_pauses.txt");
  const auto digest = crypto::sha256(known.at("said"));
  crypto::siphash_drbg::seed seed{};
  std::copy_n(digest.bytes.begin(), seed.size(), seed.begin());
  CHECK(known.at("seed") == base::to_hex({reinterpret_cast<const char*>(seed.data()), seed.size()}));
  const wire::obfs4_shape shape(seed);
  const auto look = [](const wire::obfs4_distribution& table, std::string& values, double& mean) {
    for (const auto& [value, p] : table.probabilities()) {
      values += (values.empty() ? "" : " ") + std::to_string(value);
      mean += value * p;
    }
  };
  std::string pauses, lengths;
  double pause = 0, length = 0;
  look(shape.pauses, pauses, pause);
  look(shape.lengths, lengths, length);
  CHECK(pauses == known.at("pauses"));
  CHECK(lengths == known.at("lengths"));
  CHECK(pause == doctest::Approx(8.45).epsilon(0.001));
  CHECK(length == doctest::Approx(939.0).epsilon(0.001));
}
