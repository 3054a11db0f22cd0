// Frames from somebody who has the session's keys, so that every packet is reached, and from somebody who has not.
// Input: records of (type, length field u16, size u8), each sealed as a packet; or, by the first byte, raw bytes.
#include "crypto/secretbox.hpp"
#include "wire/obfs4_session.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  if (size < 2) return 0;
  const auto side = data[0] % 2 == 0 ? wire::obfs4_side::client : wire::obfs4_side::server;
  const wire::obfs4_keys keys(std::string(144, 'k'));
  wire::obfs4_session session(keys, side, wire::iat_mode::none, {});
  std::vector<std::uint8_t> stream(data + 2, data + size);
  if (data[0] % 4 < 2) {
    const std::vector<std::uint8_t> key(32, 'k'), prefix(16, 'k');
    crypto::siphash_drbg::seed seed{};
    seed.fill('k');
    const crypto::secretbox box{std::span(key).first<32>(), std::span(prefix).first<16>()};
    crypto::siphash_drbg lengths(seed);
    stream.clear();
    std::uint64_t counter = 1;
    for (std::size_t at = 2; at + 4 <= size; at += 4) {
      std::vector<std::uint8_t> packet{data[at], data[at + 1], data[at + 2]};
      packet.resize(std::min<std::size_t>(data[at + 3] * 6U, 1430), 'p');
      std::vector<std::uint8_t> sealed(packet.size() + 16);
      if (!box.seal(counter++, packet, sealed)) std::abort();
      const auto masked = static_cast<std::uint16_t>(sealed.size() ^ lengths.next() >> 48);
      stream.push_back(static_cast<std::uint8_t>(masked >> 8));
      stream.push_back(static_cast<std::uint8_t>(masked));
      stream.insert(stream.end(), sealed.begin(), sealed.end());
    }
  }
  std::vector<std::uint8_t> room(wire::obfs4_max_payload), waiting;
  const std::size_t piece = 1 + data[1] * 29U;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    const auto end = std::min(at + piece, stream.size());
    waiting.insert(waiting.end(), stream.begin() + static_cast<std::ptrdiff_t>(at),
                   stream.begin() + static_cast<std::ptrdiff_t>(end));
    for (;;) {
      const auto opened = session.open(waiting, room);
      if (!opened) return 0;
      if (opened->consumed > waiting.size() || opened->produced > room.size()) std::abort();
      waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(opened->consumed));
      if (opened->produced == 0) break;
    }
    if (waiting.size() > wire::obfs4_max_segment) std::abort(); // no frame is longer: nothing more is ever kept
  }
  // Whatever the peer said about its shape, sending still ends.
  wire::obfs4_burst burst;
  session.seal("payload", true, burst);
  return 0;
}
