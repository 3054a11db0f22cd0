#include "wire/obfs4_handshake.hpp"

#include "obfs4_samples.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace obfs4_samples;
using verdict = wire::obfs4_server_handshake::verdict;
using base::outcome;

namespace {
constexpr base::unix_time wall = 480000 * std::int64_t{3600} + 1800;
constexpr base::steady_time start{};

struct bridge_side {
  wire::obfs4_identity who = wire::derive_obfs4_identity("a seed of a test, thirty-two bytes");
  wire::obfs4_replay_filter seen{{}};

  wire::obfs4_client_handshake client(std::int64_t hour = 480000, std::size_t padding = 500) const {
    return {who.open, crypto::make_hidden_key_pair(), crypto::random_bytes(padding), hour};
  }
  verdict judge(const std::string& request) {
    wire::obfs4_server_handshake server(who);
    return server.feed(request, wall, start, seen);
  }
};

std::string answer(wire::obfs4_server_handshake& server, std::size_t padding = 300) {
  auto out = server.answer_with(crypto::make_hidden_key_pair(), crypto::random_bytes(padding));
  REQUIRE(out);
  return out->bytes;
}
} // namespace

TEST_CASE("obfs4 handshake: the known answers") {
  const auto known = read_vector("obfs4.txt");
  const auto bridge = known_identity().open;
  CHECK(wire::obfs4_arguments(bridge) == "cert=" + known.at("cert") + " iat-mode=0");
  const auto x = secret_of(0x41), y = secret_of(0x81);
  const auto xp = crypto::x25519_public(x), yp = crypto::x25519_public(y);
  const auto client =
      wire::obfs4_ntor::of(*crypto::x25519(x, yp), *crypto::x25519(x, bridge.public_key), bridge, xp, yp);
  CHECK(base::to_hex(client.key_seed) == known.at("key-seed"));
  CHECK(base::to_hex(client.auth) == known.at("auth"));
  CHECK(base::to_hex(client.keys().reveal()) == known.at("keys-to-server") + known.at("keys-to-client"));
  const auto b = secret_of(0x01);
  const auto server = wire::obfs4_ntor::of(*crypto::x25519(y, xp), *crypto::x25519(b, xp), bridge, xp, yp);
  CHECK(server.auth == client.auth);

  crypto::hidden_key_pair pair;
  for (std::uint8_t i = 0; i < 32; ++i) pair.representative[i] = i;
  const wire::obfs4_client_handshake shake(bridge, std::move(pair), std::string(85, '\x5a'), 480000);
  const auto& request = shake.request();
  REQUIRE(request.size() == 32 + 85 + 32);
  CHECK(base::to_hex(request.substr(117, 16)) == known.at("request-mark"));
  CHECK(base::to_hex(request.substr(133)) == known.at("request-mac"));
}

TEST_CASE("obfs4 handshake: both sides agree, however the bytes are cut") {
  for (const std::size_t piece : {1U, 7U, 300U, 10000U}) {
    CAPTURE(piece);
    bridge_side bridge;
    auto client = bridge.client();
    wire::obfs4_server_handshake server(bridge.who);
    auto said = verdict::more;
    for (std::size_t at = 0; at < client.request().size(); at += piece) {
      REQUIRE(said == verdict::more);
      said = server.feed(std::string_view(client.request()).substr(at, piece), wall, start, bridge.seen);
    }
    REQUIRE(said == verdict::accepted);
    auto answered = server.answer_with(crypto::make_hidden_key_pair(), crypto::random_bytes(300));
    REQUIRE(answered);
    const auto bytes = answered->bytes + "first frames";
    bool done = false;
    std::size_t at = 0;
    for (; at < bytes.size() && !done; at += piece) {
      const auto fed = client.feed(std::string_view(bytes).substr(at, piece));
      REQUIRE(fed.has_value());
      done = *fed;
    }
    REQUIRE(done);
    CHECK(client.take_keys().reveal() == answered->keys.reveal());
    CHECK(std::string(client.rest()) + bytes.substr(std::min(at, bytes.size())) == "first frames");
  }
}

TEST_CASE("obfs4 server: whom it answers") {
  bridge_side bridge;
  struct row {
    const char* name;
    std::string request;
    verdict expect;
  };
  const auto changed = [&](std::size_t at) {
    auto out = bridge.client().request();
    out[at] ^= 1;
    return out;
  };
  auto other = wire::make_obfs4_identity().open;
  other.node_id = bridge.who.open.node_id;
  const wire::obfs4_client_handshake wrong_key(other, crypto::make_hidden_key_pair(), crypto::random_bytes(500),
                                               480000);
  const row rows[] = {
      {"a sound request", bridge.client().request(), verdict::accepted},
      {"the hour before", bridge.client(479999).request(), verdict::accepted},
      {"the hour after", bridge.client(480001).request(), verdict::accepted},
      {"two hours before", bridge.client(479998).request(), verdict::refused},
      {"two hours after", bridge.client(480002).request(), verdict::refused},
      {"the shortest padding", bridge.client(480000, 77).request(), verdict::accepted},
      {"one byte less", bridge.client(480000, 76).request(), verdict::more},
      {"the longest padding", bridge.client(480000, 8128).request(), verdict::accepted},
      {"a trailing byte", bridge.client().request() + "x", verdict::more},
      {"truncated", bridge.client().request().substr(0, 300), verdict::more},
      {"no byte", "", verdict::more},
      {"random bytes", crypto::random_bytes(500), verdict::more},
      {"8192 random bytes", crypto::random_bytes(8192), verdict::refused},
      {"9000 random bytes", crypto::random_bytes(9000), verdict::refused},
      {"a representative changed", changed(3), verdict::more},
      {"padding changed", changed(100), verdict::refused},
      {"a mark changed", changed(32 + 500), verdict::more},
      {"a MAC changed", changed(32 + 500 + 16), verdict::refused},
      {"for another bridge", wrong_key.request(), verdict::more},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(bridge.judge(row.request) == row.expect);
  }
}

TEST_CASE("obfs4 server: a request is answered once, and refused for good") {
  bridge_side bridge;
  const auto request = bridge.client().request();
  CHECK(bridge.judge(request) == verdict::accepted);
  CHECK(bridge.judge(request) == verdict::refused);
  wire::obfs4_server_handshake server(bridge.who);
  CHECK(server.feed(request, wall, start, bridge.seen) == verdict::refused);
  CHECK(server.feed(bridge.client().request(), wall, start, bridge.seen) == verdict::refused);
  CHECK(server.room() == wire::obfs4_max_handshake); // nothing is kept of it
}

TEST_CASE("obfs4 server: a key of low order gets no answer") {
  bridge_side bridge;
  crypto::hidden_key_pair low = crypto::make_hidden_key_pair();
  low.representative = {}; // maps to u = 0
  const wire::obfs4_client_handshake client(bridge.who.open, std::move(low), crypto::random_bytes(100), 480000);
  wire::obfs4_server_handshake server(bridge.who);
  REQUIRE(server.feed(client.request(), wall, start, bridge.seen) == verdict::accepted);
  CHECK_FALSE(server.answer_with(crypto::make_hidden_key_pair(), ""));
}

TEST_CASE("obfs4 client: what it takes for the bridge") {
  bridge_side bridge;
  enum class end { done, more, bad_auth };
  struct row {
    const char* name;
    std::string (*change)(std::string response);
    end expect;
  };
  const row rows[] = {
      {"the response", [](std::string r) { return r; }, end::done},
      {"without its last byte", [](std::string r) { return r.substr(0, r.size() - 1); }, end::more},
      {"nothing", [](std::string) { return std::string(); }, end::more},
      {"Y' changed",
       [](std::string r) {
         r[0] ^= 1;
         return r;
       },
       end::more},
      {"AUTH changed",
       [](std::string r) {
         r[40] ^= 1;
         return r;
       },
       end::bad_auth},
      {"padding changed",
       [](std::string r) {
         r[100] ^= 1;
         return r;
       },
       end::bad_auth},
      {"MAC changed",
       [](std::string r) {
         r[r.size() - 1] ^= 1;
         return r;
       },
       end::bad_auth},
      {"8192 random bytes", [](std::string) { return crypto::random_bytes(8192); }, end::bad_auth},
      {"a web server", [](std::string) { return std::string("HTTP/1.1 400 Bad Request\r\n\r\n"); }, end::more},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto client = bridge.client();
    wire::obfs4_server_handshake server(bridge.who);
    REQUIRE(server.feed(client.request(), wall, start, bridge.seen) == verdict::accepted);
    const auto fed = client.feed(row.change(answer(server)));
    const auto got = !fed ? end::bad_auth : *fed ? end::done : end::more;
    CHECK(static_cast<int>(got) == static_cast<int>(row.expect));
    if (!fed) CHECK(base::name(fed.error().what) == base::name(outcome::bridge_bad_auth));
  }
}

TEST_CASE("obfs4 client: somebody who knows the line but not the bridge's key is found out") {
  bridge_side bridge;
  auto thief = wire::derive_obfs4_identity("another seed, also thirty-two bytes");
  thief.open = bridge.who.open; // K is right, b is not
  auto client = bridge.client();
  wire::obfs4_server_handshake server(thief);
  REQUIRE(server.feed(client.request(), wall, start, bridge.seen) == verdict::accepted);
  const auto fed = client.feed(answer(server));
  REQUIRE_FALSE(fed.has_value());
  CHECK(base::name(fed.error().what) == base::name(outcome::bridge_bad_auth));
}

TEST_CASE("obfs4 client: the longest response and the frame behind it") {
  bridge_side bridge;
  auto client = bridge.client();
  wire::obfs4_server_handshake server(bridge.who);
  REQUIRE(server.feed(client.request(), wall, start, bridge.seen) == verdict::accepted);
  const auto response = answer(server, wire::obfs4_max_response_padding);
  CHECK(response.size() + 45 == 8192);
  const auto fed = client.feed(response + std::string(45, 'f'));
  REQUIRE(fed.has_value());
  CHECK(*fed);
  CHECK(client.rest() == std::string(45, 'f'));
}
