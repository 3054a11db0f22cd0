// Content-Range of a hostile server. What is taken lies within its total, and is taken again as it is written.
#include "http/content_range.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto got = http::parse_content_range(text);
  if (!got) return 0;
  const auto& bytes = got->bytes;
  if (bytes.first > bytes.last || bytes.last >= got->total) std::abort();
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  if (text != "bytes " + number(bytes.first) + "-" + number(bytes.last) + "/" + number(got->total)) std::abort();
  return 0;
}
