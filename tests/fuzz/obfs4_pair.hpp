// What the fuzz targets of obfs4 share: keys that are the same in every run, so that an input means the same.
#pragma once

#include "wire/obfs4_handshake.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace landfall::obfs4_fuzz {

inline crypto::hidden_key_pair pair_of(std::uint8_t first) {
  crypto::key_bytes secret{};
  for (std::uint8_t n = 0;; ++n) {
    secret.fill(static_cast<std::uint8_t>(first + n));
    const auto open = crypto::dirty_public_key(secret, n);
    if (const auto hidden = crypto::elligator2_inverse(open, n)) return {crypto::secret_key(secret), open, *hidden};
  }
}

constexpr std::int64_t hour = 480000;

/// What the bridge answers to a sound request, padded by `padding`. Aborts where it does not: the request is ours.
inline auto answer_to(const wire::obfs4_client_handshake& client, const wire::obfs4_identity& who,
                      std::size_t padding) {
  wire::obfs4_server_handshake server(who);
  wire::obfs4_replay_filter seen({});
  if (server.feed(client.request(), hour * 3600, {}, seen) != wire::obfs4_server_handshake::verdict::accepted)
    std::abort();
  auto out = server.answer_with(pair_of(100), std::string(padding, 'q'));
  if (!out) std::abort();
  return std::move(*out);
}

} // namespace landfall::obfs4_fuzz
