// The network memory's file. What is taken must come back from its own text unchanged, and wait no longer than a
// penalty.
#include "fallback/memory.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  constexpr base::unix_time now = 1'795'132'800;
  const auto empty = [] {
    return fallback::network_memory(base::secret(std::string(fallback::memory_secret_size, 'k')));
  };
  auto memory = empty(), again = empty();
  if (!memory.from_text({reinterpret_cast<const char*>(data), size}, now)) return 0;
  const auto text = memory.to_text();
  if (!again.from_text(text, now) || again.to_text() != text) std::abort();
  for (const auto& [key, one] : memory.penalised().all())
    if (one.waits.until > now + fallback::longest_penalty.count()) std::abort();
  return 0;
}
