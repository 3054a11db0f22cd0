// The JSON of earlier clients. Any text gives TOML or problems, never both and never neither; and what it gives is a
// configuration once the network's id and root are filled in: nothing of the JSON gets out of its quotes or comments.
#include "config/import.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  auto made = config::import_json({reinterpret_cast<const char*>(data), size}, "old.json");
  if (made.toml.empty() == made.problems.empty()) std::abort();
  if (made.toml.empty()) return 0;
  made.toml.insert(made.toml.find("# id"), "id = \"n\"\nroot = \"r\"\n");
  const auto read = config::parse_settings(made.toml, "/etc/landfall/landfall.toml");
  if (!read.settings || read.settings->network.id != "n" || !read.settings->transports.empty()) std::abort();
  return 0;
}
