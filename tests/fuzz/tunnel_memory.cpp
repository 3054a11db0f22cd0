// The file of the memory of tunnels. What is taken must come back from its own text unchanged, and is never from the
// future nor older than it is believed.
#include "sidecar/tunnel_memory.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using landfall::sidecar::tunnel_memory;
  constexpr landfall::base::unix_time now = 1'795'132'800;
  const auto memory = tunnel_memory::from_text({reinterpret_cast<const char*>(data), size}, now);
  if (!memory) return 0;
  const auto text = memory->to_text(now);
  const auto again = tunnel_memory::from_text(text, now);
  if (!again || again->to_text(now) != text || text.size() > tunnel_memory::max_text) std::abort();
  const auto later = now + std::chrono::seconds(tunnel_memory::good_for).count();
  if (again->to_text(later) != tunnel_memory().to_text(later)) std::abort();
  return 0;
}
