// A whole session: handshake, then bursts both ways in an iat mode, with bytes changed on the way. Input: iat mode,
// size of the pieces that arrive, then records of (direction and length, position, change). Without a change everything
// arrives; with one, nothing that was not sent.
#include "wire/obfs4_session.hpp"

#include "obfs4_pair.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace {
using namespace landfall;

struct direction {
  wire::obfs4_session *from, *to;
  std::string sent = {}, waiting = {}, got = {};
  bool changed = false, failed = false;
};

void arrive(direction& way, std::string_view bytes, std::size_t piece) {
  std::vector<std::uint8_t> room(wire::obfs4_max_payload);
  for (; !bytes.empty() && !way.failed; bytes.remove_prefix(std::min(piece, bytes.size()))) {
    way.waiting += bytes.substr(0, piece);
    for (;;) {
      const auto opened =
          way.to->open({reinterpret_cast<const std::uint8_t*>(way.waiting.data()), way.waiting.size()}, room);
      way.failed = !opened;
      if (!opened) break;
      way.waiting.erase(0, opened->consumed);
      way.got.append(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(opened->produced));
      if (opened->produced == 0) break;
    }
  }
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall::obfs4_fuzz;
  static const auto who = wire::derive_obfs4_identity("a fuzzer's bridge");
  static const auto shape = std::make_shared<const wire::obfs4_shape>(who.shape);
  if (size < 2) return 0;
  const auto iat = static_cast<wire::iat_mode>(data[0] % 3);
  const std::size_t piece = 1 + data[1] * 31U;
  wire::obfs4_client_handshake shake(who.open, pair_of(3), std::string(77 + data[1], 'p'), hour);
  auto answered = answer_to(shake, who, data[1]);
  wire::obfs4_session server(answered.keys, wire::obfs4_side::server, iat, who.shape, shape);
  const auto response = answered.bytes + server.seed_frame(who.shape);
  if (const auto fed = shake.feed(response); !fed || !*fed) std::abort();
  wire::obfs4_session client(shake.take_keys(), wire::obfs4_side::client, iat, who.shape);
  direction up{&client, &server}, down{&server, &client};
  arrive(down, shake.rest(), piece);
  for (std::size_t at = 2; at + 3 <= size && at < 2 + 3 * 64; at += 3) {
    auto& way = data[at] % 2 == 0 ? up : down;
    const std::string payload((data[at] >> 1) * 41U + 1, static_cast<char>(at));
    wire::obfs4_burst burst;
    way.from->seal(payload, data[at + 1] % 8 != 0, burst);
    way.sent += payload;
    if (data[at + 2] != 0) {
      burst.bytes[data[at + 1] * 257U % burst.bytes.size()] ^= static_cast<char>(data[at + 2]);
      way.changed = true;
    }
    arrive(way, burst.bytes, piece);
  }
  for (const auto* way : {&up, &down}) {
    if (way->sent.compare(0, way->got.size(), way->got) != 0) std::abort();
    if (!way->changed && (way->failed || way->got != way->sent)) std::abort();
  }
  return 0;
}
