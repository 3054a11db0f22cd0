// What a bridge, or somebody in between, may answer to a client's handshake. The first byte chooses: the rest as it is,
// or the rest as changes to a sound answer, so that what lies behind mark and MAC is reached.
#include "obfs4_pair.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  using namespace landfall::obfs4_fuzz;
  static const auto who = wire::derive_obfs4_identity("a fuzzer's bridge");
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  wire::obfs4_client_handshake client(who.open, pair_of(3), std::string(100, 'p'), hour);
  std::string said(rest);
  bool changed = true;
  if (data[0] % 2 == 1) {
    said = answer_to(client, who, data[0]).bytes + "rest";
    changed = false;
    for (std::size_t i = 0; i + 2 < rest.size(); i += 3) {
      const auto at =
          static_cast<std::size_t>(static_cast<std::uint8_t>(rest[i]) << 8 | static_cast<std::uint8_t>(rest[i + 1]));
      said[at % said.size()] ^= rest[i + 2];
      changed = changed || rest[i + 2] != 0;
    }
  }
  // In pieces, whose size is the input's too.
  const std::size_t piece = 1 + data[0] * 37U;
  for (std::size_t at = 0; at < said.size(); at += piece) {
    const auto fed = client.feed(std::string_view(said).substr(at, piece));
    if (!fed) return 0;
    if (!*fed) continue;
    if (client.take_keys().reveal().size() != 144) std::abort();
    if (!changed && client.rest().size() > 4) std::abort();
    return 0;
  }
  if (!changed) std::abort(); // a sound answer is always taken
  return 0;
}
