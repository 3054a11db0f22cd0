// What strangers and clients may send first. The first byte chooses: the rest as it is, or the rest as a request whose
// mark and MAC are right, as somebody who knows the bridge line can make it. What is answered once is not answered
// again.
#include "crypto/hash.hpp"
#include "wire/obfs4_handshake.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  using verdict = wire::obfs4_server_handshake::verdict;
  static const auto who = wire::derive_obfs4_identity("a fuzzer's bridge");
  if (size == 0) return 0;
  std::string said(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 1 && said.size() >= 32) {
    std::string key(who.open.public_key.begin(), who.open.public_key.end());
    key.append(who.open.node_id.begin(), who.open.node_id.end());
    said += crypto::hmac_sha256(key, std::string_view(said).substr(0, 32)).view().substr(0, 16);
    said += crypto::hmac_sha256(key, said + std::to_string(480000 + (data[0] >> 1) % 5 - 2)).view().substr(0, 16);
  }
  const auto hear = [&](wire::obfs4_replay_filter& seen, wire::obfs4_server_handshake& server) {
    auto out = verdict::more;
    const std::size_t piece = 1 + data[0] * 37U;
    for (std::size_t at = 0; at < said.size() && out == verdict::more; at += piece) {
      out = server.feed(std::string_view(said).substr(at, piece), 480000 * std::int64_t{3600}, {}, seen);
      if (server.room() > wire::obfs4_max_handshake) std::abort();
    }
    return out;
  };
  wire::obfs4_replay_filter seen({});
  wire::obfs4_server_handshake server(who), again(who);
  if (hear(seen, server) != verdict::accepted) return 0;
  crypto::key_bytes secret{};
  for (std::uint8_t n = 0;; ++n) {
    secret.fill(n);
    const auto open = crypto::dirty_public_key(secret, n);
    const auto hidden = crypto::elligator2_inverse(open, n);
    if (!hidden) continue;
    const auto answered = server.answer_with({crypto::secret_key(secret), open, *hidden}, "padding");
    if (answered && answered->keys.reveal().size() != 144) std::abort();
    break;
  }
  if (hear(seen, again) == verdict::accepted) std::abort();
  return 0;
}
