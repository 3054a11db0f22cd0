// The network memory's file. What is taken must come back from its own text unchanged, and wait no longer than a
// penalty.
#include "fallback/penalties.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using landfall::fallback::penalties;
  constexpr landfall::base::unix_time now = 1'795'132'800;
  const auto memory = penalties::from_text({reinterpret_cast<const char*>(data), size}, now);
  if (!memory) return 0;
  const auto text = memory->to_text();
  const auto again = penalties::from_text(text, now);
  if (!again || again->to_text() != text) std::abort();
  if (memory->penalised("r", now + landfall::fallback::longest_penalty.count())) std::abort();
  return 0;
}
