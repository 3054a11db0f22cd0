// obfs4's handshake, both sides, without I/O: bytes in, verdicts and bytes out.
//
//   client  X'(32) ‖ P_C(77..8128) ‖ M_C(16) ‖ MAC_C(16)             nothing may follow until the server has answered
//   server  Y'(32) ‖ AUTH(32) ‖ P_S(0..8051) ‖ M_S(16) ‖ MAC_S(16)   and the frame with the PRNG seed at once behind
//
// X', Y' are Elligator representatives, P random padding, K = B ‖ NODEID. M = HMAC-SHA256(K, X' or Y')[:16] marks the
// end of the padding; MAC = HMAC-SHA256(K, all before ‖ E)[:16], E = hours since 1970 in decimal. The server takes the
// hours -1, 0, +1 and answers with the client's. Without K every byte looks random and none gets an answer.
//
//   suffix = B ‖ B ‖ X ‖ Y ‖ PROTOID ‖ NODEID      B twice, as obfs4proxy does and its specification does not say
//   secret_input = X25519(x,Y) ‖ X25519(x,B) ‖ suffix
//   KEY_SEED = HMAC(t_key, secret_input)   verify = HMAC(t_verify, secret_input)
//   AUTH = HMAC(t_mac, verify ‖ suffix ‖ "Server")   keys = HKDF-SHA256(KEY_SEED, salt t_key, info m_expand, 144)
//
// Source: obfs4-spec.txt where obfs4proxy 0.0.14 agrees with it, and what it puts on the wire where not.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/sensitive.hpp"
#include "crypto/elligator2.hpp"
#include "wire/obfs4_guard.hpp"
#include "wire/obfs4_identity.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace landfall::wire {

/// Neither side ever sends or keeps more before the handshake is done.
inline constexpr std::size_t obfs4_max_handshake = 8192;
/// Padding is drawn uniformly from these, as obfs4proxy does: the sum with the fixed parts, and in the server's case
/// the seed's frame, is never more than 8192.
inline constexpr std::size_t obfs4_min_request_padding = 77, obfs4_max_request_padding = 8128;
inline constexpr std::size_t obfs4_max_response_padding = 8051;

/// 72 bytes for client to server, 72 for server to client: what obfs4_session takes.
using obfs4_keys = base::secret;

[[nodiscard]] std::int64_t obfs4_hour(base::unix_time now) noexcept;

class obfs4_client_handshake {
public:
  /// `padding`: random bytes, of 77 to 8128 the number.
  obfs4_client_handshake(const obfs4_bridge& to, crypto::hidden_key_pair ours, std::string_view padding,
                         std::int64_t hour);
  /// To be sent as it is, in one write.
  [[nodiscard]] const std::string& request() const noexcept { return request_; }
  /// The next bytes of the server. True: done. Error: bridge_bad_auth, it answered but not as that bridge.
  [[nodiscard]] base::result<bool> feed(std::string_view bytes);
  /// How many bytes more it may be fed.
  [[nodiscard]] std::size_t room() const noexcept { return obfs4_max_handshake - received_.size(); }
  // Once done:
  [[nodiscard]] obfs4_keys take_keys() noexcept { return std::move(keys_); }
  /// What came behind the response: the first frames.
  [[nodiscard]] std::string_view rest() const noexcept { return std::string_view(received_).substr(end_); }

private:
  [[nodiscard]] base::result<bool> finish(std::size_t mark_at);

  obfs4_bridge to_;
  crypto::hidden_key_pair ours_;
  std::string key_, hour_, request_, mark_, received_;
  std::size_t searched_, end_ = 0;
  obfs4_keys keys_;
};

class obfs4_server_handshake {
public:
  enum class verdict : std::uint8_t {
    more,     ///< nothing can be said yet
    accepted, ///< a client that knows the bridge: `answer` it
    refused,  ///< never to be answered: read and drop until obfs4_guard says to close
  };
  /// `who` must outlive it.
  explicit obfs4_server_handshake(const obfs4_identity& who) : who_(&who) {}

  /// The next bytes of a client; `seen` and the two times decide with it. After `refused` nothing is kept any more.
  [[nodiscard]] verdict feed(std::string_view bytes, base::unix_time wall, base::steady_time now,
                             obfs4_replay_filter& seen);
  [[nodiscard]] std::size_t room() const noexcept { return obfs4_max_handshake - received_.size(); }

  struct answer {
    std::string bytes; ///< in front of the frame with the seed, in one write
    obfs4_keys keys;
  };
  /// `padding`: random bytes, at most 8051. nullopt: the client's key is of low order; refused as well.
  [[nodiscard]] std::optional<answer> answer_with(crypto::hidden_key_pair ours, std::string_view padding);

private:
  verdict refuse() noexcept;
  const obfs4_identity* who_;
  std::string received_, mark_, hour_;
  bool refused_ = false;
};

/// The two secrets of both sides, for known answers in tests.
struct obfs4_ntor {
  std::string key_seed, auth;
  [[nodiscard]] static obfs4_ntor of(const crypto::secret_key& xy, const crypto::secret_key& xb,
                                     const obfs4_bridge& bridge, const crypto::key_bytes& x,
                                     const crypto::key_bytes& y);
  [[nodiscard]] obfs4_keys keys() const;
};

} // namespace landfall::wire
