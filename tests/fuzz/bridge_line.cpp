// Bridge lines as people paste them. What is taken is taken again from its canonical line, unchanged, and its arguments
// fit SOCKS.
#include "config/bridge_line.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  const auto pasted = config::parse_pasted({reinterpret_cast<const char*>(data), size});
  for (const auto& line : pasted.lines) {
    const auto again = config::bridge_line::parse(line.reveal());
    if (!again || !(*again == line)) std::abort();
    if (line.encoded_arguments().size() > config::max_encoded_arguments) std::abort();
  }
  return 0;
}
