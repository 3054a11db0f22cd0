// Elligator 2 on Curve25519: public keys that look like random bytes, and keys made for that.
//
// A censor who sees 32 bytes must not be able to tell that they are a point. Three things would tell:
//   only half of all strings are u-coordinates       so keys travel as r, with u = map(r)
//   X25519 makes points of the prime subgroup alone  so a random point of low order is added ("dirty" keys): the DH
//                                                    clears it, and an observer who multiplies by L sees nothing
//   r is below 2^254, and r and -r name one u        so r is the root <= (p-1)/2, and the top two bits are random
// Source: Bernstein, Hamburg, Krasnova, Lange, "Elligator" (CCS 2013), with the non-square 2; elligator.org. obfs4's
// own mistakes in each of the three (fixed 2021 to 2022) were invisible to interoperation: tests/crypto/elligator2.cpp.
// Own code, because no packaged library has the inverse map: docs/adr/0013. Constant time but for how many keys are
// tried until one has a representative, which says nothing about the one that is kept.
#pragma once

#include "crypto/x25519.hpp"

#include <optional>

namespace landfall::crypto {

/// The u-coordinate that a representative names. Bits 254 and 255 are ignored. Total: every string is a key.
[[nodiscard]] key_bytes elligator2_map(const key_bytes& representative) noexcept;

/// The representative of a u-coordinate, or nullopt for the half that has none. Bit 0 of `tweak` chooses between the
/// two roots that map to it, bits 6 and 7 become bits 254 and 255: give it a random byte.
[[nodiscard]] std::optional<key_bytes> elligator2_inverse(const key_bytes& u, std::uint8_t tweak) noexcept;

/// The u-coordinate of clamp(secret) B + T, where T is the point of low order that the low three bits of `low` name.
[[nodiscard]] key_bytes dirty_public_key(const key_bytes& secret, std::uint8_t low);

/// A key pair whose public half has a representative, and that. Move only; wiped when it goes.
struct hidden_key_pair {
  secret_key secret;
  key_bytes public_key{};
  key_bytes representative{};
};
/// Draws random bytes until there is one: two attempts in the mean, each 60 µs. Make it before a connection is opened,
/// so that the number of attempts shows to nobody.
[[nodiscard]] hidden_key_pair make_hidden_key_pair();

} // namespace landfall::crypto
