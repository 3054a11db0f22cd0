// The answer to a webtunnel's upgrade, in two pieces: the split changes nothing, and no byte behind the head is lost.
#include "wire/http_head.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  wire::http_head_reader whole, split;
  auto one = whole.take(text);
  const auto cut = size == 0 ? 0 : data[0] % size;
  auto two = split.take(text.substr(0, cut));
  std::size_t given = cut;
  if (two && !*two) {
    two = split.take(text.substr(cut));
    given = size;
  }
  if (one.has_value() != two.has_value()) {
    // What follows a complete head is never looked at; otherwise both see the same bytes.
    if (given == size) std::abort();
    return 0;
  }
  if (!one || *one != *two) return !one || given != size ? 0 : (std::abort(), 0);
  if (!*one) return 0;
  if (whole.head().status != split.head().status || whole.head().headers != split.head().headers) std::abort();
  if (std::move(whole).rest() != std::move(split).rest() + std::string(text.substr(given))) std::abort();
  return 0;
}
