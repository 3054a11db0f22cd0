#include "wire/obfs4_session.hpp"

#include "obfs4_samples.hpp"

#include <doctest/doctest.h>

#include <numeric>

using namespace landfall;
using namespace obfs4_samples;
using base::outcome;
using wire::iat_mode;
using wire::obfs4_side;

namespace {
std::span<const std::uint8_t> octets(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

struct pair_of_sessions {
  explicit pair_of_sessions(iat_mode iat = iat_mode::none)
      : keys(crypto::random_bytes(144)), seed(random_seed()), shape(std::make_shared<const wire::obfs4_shape>(seed)),
        client(keys, obfs4_side::client, iat, random_seed()),
        server(keys, obfs4_side::server, iat, random_seed(), shape) {}
  wire::obfs4_keys keys;
  crypto::siphash_drbg::seed seed;
  std::shared_ptr<const wire::obfs4_shape> shape;
  wire::obfs4_session client, server;
};

/// Everything, fed `piece` bytes at a time; the failure otherwise.
base::result<std::string> open_all(wire::obfs4_session& session, std::string_view wire, std::size_t piece = 1 << 20) {
  std::string waiting, out;
  std::vector<std::uint8_t> room(wire::obfs4_max_payload);
  while (!wire.empty()) {
    waiting += wire.substr(0, piece);
    wire.remove_prefix(std::min(piece, wire.size()));
    for (;;) {
      const auto opened = session.open(octets(waiting), room);
      if (!opened) return opened.error();
      waiting.erase(0, opened->consumed);
      out.append(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(opened->produced));
      if (opened->produced == 0) break;
    }
  }
  return out;
}

std::string sealed(wire::obfs4_session& session, std::string_view payload, bool last = true) {
  wire::obfs4_burst out;
  session.seal(payload, last, out);
  std::size_t sum = 0;
  for (const auto& piece : out.pieces) sum += piece.size;
  REQUIRE(sum == out.bytes.size());
  return std::move(out.bytes);
}
} // namespace

TEST_CASE("obfs4 frames: the known answers") {
  const auto known = read_vector("obfs4.txt");
  const auto keys = *base::from_hex(known.at("keys-to-server") + known.at("keys-to-client"));
  wire::obfs4_session client(wire::obfs4_keys(keys), obfs4_side::client, iat_mode::none, {});
  wire::obfs4_session server(wire::obfs4_keys(keys), obfs4_side::server, iat_mode::none, {});
  CHECK(base::to_hex(sealed(client, "abc", /*last=*/false)) == known.at("frame-1"));
  for (const char* name : {"frame-1", "frame-2", "frame-3"}) {
    CAPTURE(name);
    const auto frame = *base::from_hex(known.at(name));
    std::vector<std::uint8_t> room(100);
    const auto opened = server.open(octets(frame), room);
    REQUIRE(opened.has_value());
    CHECK(opened->consumed == frame.size());
    CHECK(std::string(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(opened->produced)) ==
          (name == std::string("frame-1") ? "abc" : ""));
  }
}

TEST_CASE("obfs4 frames: what is sealed is opened, both ways, in every iat mode, however it is cut") {
  for (const auto iat : {iat_mode::none, iat_mode::enabled, iat_mode::paranoid})
    for (const std::size_t piece : {1U, 100U, 1447U, 70000U}) {
      CAPTURE(static_cast<int>(iat));
      CAPTURE(piece);
      pair_of_sessions both(iat);
      REQUIRE(open_all(both.client, both.server.seed_frame(both.seed), piece).has_value());
      for (const std::size_t size : {1U, 21U, 1406U, 1427U, 1428U, 20000U, 62788U}) {
        CAPTURE(size);
        const auto payload = crypto::random_bytes(size);
        const auto up = open_all(both.server, sealed(both.client, payload), piece);
        const auto down = open_all(both.client, sealed(both.server, payload), piece);
        REQUIRE(up.has_value());
        REQUIRE(down.has_value());
        REQUIRE(*up == payload);
        REQUIRE(*down == payload);
      }
    }
}

TEST_CASE("obfs4 frames: a burst ends at a length that the bridge's distribution has") {
  pair_of_sessions both;
  std::map<std::size_t, bool> allowed;
  for (const auto& [value, p] : both.shape->lengths.probabilities()) {
    allowed[value % 1448] = true;
    allowed[(value + 21) % 1448] = true; // obfs4proxy's slip, for paddings of up to 21 bytes
  }
  REQUIRE(open_all(both.client, both.server.seed_frame(both.seed)).has_value());
  for (int i = 0; i < 500; ++i) {
    const auto payload = crypto::random_bytes(1 + crypto::random_below(5000));
    CHECK(allowed.count(sealed(both.client, payload).size() % 1448) == 1);
    CHECK(allowed.count(sealed(both.server, payload).size() % 1448) == 1);
  }
}

TEST_CASE("obfs4 frames: iat mode 1 sends whole segments, mode 2 drawn ones; both pause for at most 10 ms") {
  for (const auto iat : {iat_mode::enabled, iat_mode::paranoid}) {
    pair_of_sessions both(iat);
    wire::obfs4_burst out;
    both.server.seal(crypto::random_bytes(50000), true, out);
    std::chrono::microseconds longest(0);
    std::map<std::size_t, bool> drawn;
    for (const auto& [value, p] : both.shape->lengths.probabilities()) drawn[value == 0 ? 1448 : value] = true;
    for (std::size_t i = 0; i < out.pieces.size(); ++i) {
      const auto& [size, pause] = out.pieces[i];
      longest = std::max(longest, pause);
      if (iat == iat_mode::enabled && i + 1 < out.pieces.size()) CHECK(size == 1448);
      if (iat == iat_mode::paranoid) CHECK(drawn.count(size) == 1);
    }
    CHECK(longest <= std::chrono::milliseconds(10));
  }
}

TEST_CASE("obfs4 frames: no distribution that a bridge may choose keeps its clients busy for ever") {
  // Seeds until one has a single, small length: from it a burst's end can never be reached.
  int hard = 0;
  for (std::uint32_t n = 0; n < 40000 && hard < 3; ++n) {
    crypto::siphash_drbg::seed seed{};
    for (std::size_t i = 0; i < 4; ++i) seed[i] = static_cast<std::uint8_t>(n >> (8 * i));
    wire::go_random peek(seed);
    const auto values = peek.permutation(1449);
    if (values[0] > 21 || peek.below(100) != 0) continue;
    ++hard;
    const wire::obfs4_keys keys(crypto::random_bytes(144));
    wire::obfs4_session session(keys, obfs4_side::server, iat_mode::paranoid, random_seed(),
                                std::make_shared<const wire::obfs4_shape>(seed));
    CHECK(sealed(session, crypto::random_bytes(3000)).size() < 300000);
  }
  CHECK(hard > 0);
}

TEST_CASE("obfs4 frames: a byte that was changed ends it; a wrong length only once its frame has come") {
  for (std::size_t at : {0U, 1U, 2U, 17U, 18U, 500U}) {
    CAPTURE(at);
    pair_of_sessions both;
    auto wire = sealed(both.client, crypto::random_bytes(1427), /*last=*/false) +
                sealed(both.client, crypto::random_bytes(5000), /*last=*/false);
    wire[at] ^= static_cast<char>(0x80);
    const auto opened = open_all(both.server, wire);
    REQUIRE_FALSE(opened.has_value());
    CHECK(base::name(opened.error().what) == base::name(outcome::malformed));
  }
  // A length out of range: two bytes tell nothing, and a random number of bytes later it fails.
  std::vector<std::size_t> failed_after;
  for (int i = 0; i < 40; ++i) {
    pair_of_sessions both;
    auto wire = sealed(both.client, crypto::random_bytes(1427), /*last=*/false) + crypto::random_bytes(2000);
    wire[0] ^= static_cast<char>(0x80); // 1446 with bit 15
    std::vector<std::uint8_t> room(wire::obfs4_max_payload);
    std::size_t fed = 1, consumed = 0;
    for (;; ++fed) {
      const auto opened = both.server.open(octets(wire).subspan(consumed, fed - consumed), room);
      if (!opened) break;
      consumed += opened->consumed;
      REQUIRE(fed < wire.size());
    }
    failed_after.push_back(fed);
  }
  const auto [least, most] = std::minmax_element(failed_after.begin(), failed_after.end());
  CHECK(*least >= 18);
  CHECK(*most <= 1448);
  CHECK(*most - *least > 300); // 40 uniform draws of 1431: by chance once in 10^24 runs
}

TEST_CASE("obfs4 frames: frames do not go backwards, twice, or the other way") {
  pair_of_sessions both;
  const auto first = sealed(both.client, "one", false), second = sealed(both.client, "two", false);
  CHECK_FALSE(open_all(both.client, first + std::string(3000, 'x')).has_value());
  REQUIRE(open_all(both.server, first).has_value());
  CHECK_FALSE(open_all(both.server, first + std::string(3000, 'x')).has_value());
  pair_of_sessions again;
  const auto skipped = sealed(again.client, "one", false);
  CHECK_FALSE(open_all(again.server, sealed(again.client, "two", false) + std::string(3000, 'x')).has_value());
}

TEST_CASE("obfs4 frames: a seed from a client changes nothing, and padding produces nothing") {
  pair_of_sessions both;
  const auto opened = open_all(both.server, both.client.seed_frame(random_seed()));
  REQUIRE(opened.has_value());
  CHECK(opened->empty());
  const auto size = sealed(both.server, "x").size() % 1448;
  bool known = false;
  for (const auto& [value, p] : both.shape->lengths.probabilities())
    known = known || size == value % 1448U || size == (value + 21U) % 1448U;
  CHECK(known);
}
