// Rule files. What is read is within its limits; what is not says where.
#include "tests/censor/engine.hpp"

#include <cstdint>
#include <cstdlib>

using namespace landfall;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto files = [&text](std::string_view name) {
    return name == "text" ? std::optional(text) : censor::compiled_rules(name);
  };
  auto read = censor::parse_rules("text", files);
  if (!read) {
    if (read.error().detail.empty()) std::abort();
    return 0;
  }
  if (read->rules.size() > censor::max_rules) std::abort();
  (void)censor::engine(std::move(*read)).counters();
  return 0;
}
