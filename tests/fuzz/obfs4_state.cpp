// A bridge's state file, which a hand may have edited, and what a bridge line says. What is taken is taken again.
#include "wire/obfs4_identity.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto state = wire::read_obfs4_state(text)) {
    const auto again = wire::read_obfs4_state(wire::obfs4_state(*state));
    if (!again || !(again->open == state->open) || again->shape != state->shape) std::abort();
  }
  std::vector<std::pair<std::string, std::string>> arguments;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(' ', at), text.size());
    const auto one = text.substr(at, end - at);
    const auto equals = std::min(one.find('='), one.size());
    arguments.emplace_back(one.substr(0, equals), one.substr(std::min(equals + 1, one.size())));
    at = end + 1;
  }
  if (const auto bridge = wire::read_obfs4_arguments(arguments)) {
    const auto shown = wire::obfs4_arguments(*bridge);
    const auto space = shown.find(' ');
    const auto again =
        wire::read_obfs4_arguments({{"cert", shown.substr(5, space - 5)}, {"iat-mode", shown.substr(space + 10)}});
    if (!again || !(*again == *bridge)) std::abort();
  }
  return 0;
}
