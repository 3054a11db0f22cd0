// obfs4 after the handshake: frames and packets, both directions, without I/O, clock or randomness of its own.
//
//   frame   u16 (length ^ mask) ‖ secretbox(packet), tag first        length = 16 + packet, in [16, 1446]
//   packet  type u8 ‖ payload length u16 ‖ payload ‖ zeros             0 payload (or, empty, padding), 1 PRNG seed
//
// Each direction has a secretbox key, a nonce of 16 fixed bytes and a counter from 1, and a siphash_drbg whose next
// block's first two bytes mask the next length. A length out of range is not answered at once: that many random bytes
// are waited for, and then the connection fails as it does for a wrong tag, so that nobody can probe lengths bit by bit
// (Albrecht, Paterson, Watson, "Plaintext Recovery Attacks against SSH", 2009).
//
// Sending: payload is cut into packets of 1427 bytes; behind the last one padding brings the burst's size modulo 1448
// to a length drawn from the bridge's distribution. iat mode 1 sends pieces of 1448 bytes and pauses after each, mode 2
// draws the size of each piece. What obfs4proxy does that could be done better (a padding of 1 to 21 bytes takes a full
// packet more) is done the same, so as not to be told apart.
#pragma once

#include "base/result.hpp"
#include "crypto/secretbox.hpp"
#include "wire/obfs4_handshake.hpp"
#include "wire/obfs4_shape.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::wire {

inline constexpr std::size_t obfs4_max_segment = 1448; ///< a frame at most: what fits a TCP segment over Ethernet
inline constexpr std::size_t obfs4_max_payload = 1427; ///< of a frame

enum class obfs4_side : std::uint8_t { client, server };

/// What to write, in order: a pause follows each piece.
struct obfs4_burst {
  struct piece {
    std::size_t size;
    std::chrono::microseconds pause;
  };
  std::string bytes;
  std::vector<piece> pieces; ///< their sizes add up to that of `bytes`
};

class obfs4_session {
public:
  /// `random`: 24 random bytes, from which lengths and pauses are drawn. `shape`: the server's; a client has none until
  /// the server's seed has come, and draws its own when it must send before.
  obfs4_session(const obfs4_keys& keys, obfs4_side side, iat_mode iat, const crypto::siphash_drbg::seed& random,
                std::shared_ptr<const obfs4_shape> shape = nullptr);

  /// The server's first frame, which has to leave with the response: the seed of its shape.
  [[nodiscard]] std::string seed_frame(const crypto::siphash_drbg::seed& seed);
  /// Appends to `out`. `last`: the writer has no more just now, so pad. To be called with at most 64 KiB at a time.
  void seal(std::string_view payload, bool last, obfs4_burst& out);

  struct opened {
    std::size_t consumed = 0; ///< of `from`; the rest has to come again, with more behind it
    std::size_t produced = 0; ///< of `into`; 0 with whole frames consumed is padding
  };
  /// Opens whole frames as long as `into` has room for what the next may hold (obfs4_max_payload always does). Error:
  /// malformed, for good: a byte was changed on the way.
  [[nodiscard]] base::result<opened> open(std::span<const std::uint8_t> from, std::span<std::uint8_t> into);

private:
  struct direction {
    explicit direction(std::string_view keys);
    [[nodiscard]] std::uint16_t next_mask() noexcept { return static_cast<std::uint16_t>(lengths.next() >> 48); }
    crypto::secretbox box;
    crypto::siphash_drbg lengths;
    std::uint64_t counter = 1;
  };
  void append_frame(std::uint8_t type, std::string_view payload, std::size_t padding, std::string& out);
  void pad(std::size_t tail, std::size_t target, std::string& out);
  void cut_evenly(std::size_t from, obfs4_burst& out);
  void cut_by_lot(std::size_t from, obfs4_burst& out);
  const obfs4_shape& shape();
  [[nodiscard]] std::chrono::microseconds draw_pause();
  [[nodiscard]] std::uint16_t take_length(std::span<const std::uint8_t> from) noexcept;
  [[nodiscard]] base::result<std::size_t> take_packet(std::span<const std::uint8_t> packet,
                                                      std::span<std::uint8_t> into);

  direction send_, receive_;
  obfs4_side side_;
  iat_mode iat_;
  crypto::siphash_drbg random_;
  std::shared_ptr<const obfs4_shape> shape_;
  std::optional<crypto::siphash_drbg::seed> told_; ///< a shape to be made when it is needed
  std::optional<std::uint16_t> length_;            ///< of the frame that is coming, its length being taken
  bool doomed_ = false;                            ///< that length was out of range
};

} // namespace landfall::wire
