// Packets of strangers through the whole censor, every scenario's rules on: nothing is read beyond its end, what is
// forged is a packet with checksums that hold. A case: packets, each behind two bytes of length.
#include "base/cursor.hpp"
#include "tests/censor/packet_censor.hpp"

#include <cstdint>
#include <cstdlib>

using namespace landfall;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto rules = censor::parse_rules("all", [](std::string_view name) {
    return name == "all" ? std::optional<std::string>(
                               "use CN-2023\nuse S03\nuse S10\nuse S11\nuse S13\nuse S14\nuse S15\nuse S18\n")
                         : censor::compiled_rules(name);
  });
  censor::packet_censor line(rules.value(), {.flows = 16});
  base::cursor in({reinterpret_cast<const char*>(data), size});
  for (bool up = true; !in.at_end() && !in.failed(); up = !up) {
    const auto bytes = in.take(in.take_u16());
    const auto decided = line.judge(bytes, up, std::chrono::milliseconds(in.left()));
    for (const auto& one : decided.injected)
      if (!censor::checksums_hold(one.bytes)) std::abort();
  }
  (void)line.mind().counters();
  return 0;
}
