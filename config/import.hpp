// The JSON that clients of this network had before landfall.toml, as landfall.toml:
//
//   {"bootstrap": {"servers": [{"url": "https://…", "priority": 1}], "fallback": {"enabled": true, "seeds":
//   ["tcp://…"]},
//    "local_discovery": {"enabled": true, "mdns_service": "…"}, "announce": {"enabled": true, "interval_seconds":
//    300}}}
//
// Strict, as landfall.toml is: unknown members and wrong types are problems. Every member that has no counterpart
// becomes a comment that says so, so that nobody believes it to be in force.
#pragma once

#include "config/settings.hpp"

namespace landfall::config {

/// Either text or problems, which name `file` and the member. The text lacks what the JSON cannot say, the network and
/// its root document: parse_settings takes it once these two are filled in.
struct imported {
  std::string toml;
  std::vector<problem> problems;
};

/// Pure; `text` is the content of `file`. Longer than max_configuration_size is a problem too.
[[nodiscard]] imported import_json(std::string_view text, const std::filesystem::path& file);

} // namespace landfall::config
