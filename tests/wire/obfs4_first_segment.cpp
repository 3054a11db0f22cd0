// What a censor that blocks fully encrypted traffic makes of a client's first segment: tests/censor's reading of Wu et
// al. 2023. obfs4 is let through only where its first six bytes happen to be printable: (95/256)^6 = 0.26 % of
// connections.
#include "crypto/hash.hpp"
#include "tests/censor/detect.hpp"
#include "wire/obfs4_handshake.hpp"
#include "wire/obfs4_session.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace landfall;

TEST_CASE("obfs4's first segments are let through as rarely as random bytes, and no more often") {
  const auto who = wire::make_obfs4_identity();
  constexpr int sample = 10000;
  int exempt = 0;
  for (int i = 0; i < sample; ++i) {
    constexpr auto least = wire::obfs4_min_request_padding, most = wire::obfs4_max_request_padding;
    const auto padding = crypto::random_bytes(least + crypto::random_below(most - least + 1));
    const wire::obfs4_client_handshake client(who.open, crypto::make_hidden_key_pair(), padding, 480000);
    exempt += !censor::looks_fully_encrypted(std::string_view(client.request()).substr(0, wire::obfs4_max_segment));
  }
  const double expected = sample * std::pow(95.0 / 256, 6);
  MESSAGE(exempt << " of " << sample << " exempt; expected " << expected);
  CHECK(std::abs(exempt - expected) < 5 * std::sqrt(expected) + 5); // the other exemptions add next to nothing
}
