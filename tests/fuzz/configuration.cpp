// landfall.toml. Any text gives settings or problems, never both and never neither; it never throws. A URL that was
// taken is taken again in its own form.
#include "config/settings.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  const auto read = config::parse_settings({reinterpret_cast<const char*>(data), size}, "/etc/landfall/landfall.toml");
  if (read.settings.has_value() != read.problems.empty()) std::abort();
  for (const auto& p : read.problems)
    if (p.message.empty() || p.to_string().empty()) std::abort();
  if (!read.settings) return 0;
  for (const auto& route : read.settings->routes) {
    if (route.name.empty() || route.group.empty() || route.tier < 1) std::abort();
    const auto* https = std::get_if<config::https_target>(&route.target);
    if (!https) continue;
    const auto again = config::url::parse(https->url.reveal());
    if (!again || !(*again == https->url)) std::abort();
  }
  return 0;
}
