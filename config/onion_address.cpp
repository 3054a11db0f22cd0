#include "config/onion_address.hpp"

#include "crypto/sha3.hpp"

namespace landfall::config {

std::string onion_address(const std::array<std::uint8_t, 32>& public_key) {
  constexpr char version = 3;
  std::string all(public_key.begin(), public_key.end());
  const auto checksum = crypto::sha3_256(".onion checksum" + all + version).substr(0, 2);
  all += checksum;
  all += version;
  // 35 bytes are 56 characters of base32, so there is nothing to pad.
  constexpr const char* alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string out;
  unsigned bits = 0, held = 0;
  for (const char c : all) {
    held = (held << 8 | static_cast<std::uint8_t>(c)) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) out += alphabet[held >> (bits - 5) & 31];
  }
  return out;
}

} // namespace landfall::config
