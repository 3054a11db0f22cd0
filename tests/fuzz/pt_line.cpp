// A managed proxy's lines and the arguments that come over SOCKS. What is believed is loopback; nothing but a line
// without an end upsets a program that is ready.
#include "wire/pt_parent.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)wire::parse_pt_arguments(text);
  wire::pt_parent talk({"a", "obfs4"}, size % 2 == 1);
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const bool ready = talk.ready();
    const auto taken = talk.take(line);
    if (ready && !taken && line.size() <= wire::max_pt_line) std::abort();
  }
  for (const auto* name : {"a", "obfs4"})
    if (const auto method = talk.method(name)) {
      if (method->port == 0 || (method->address != "127.0.0.1" && method->address != "::1")) std::abort();
    }
  return 0;
}
