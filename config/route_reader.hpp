// The one parser of routes, for `[[route]]` and for "routes" in a signed list. Pure.
#pragma once

#include "config/route.hpp"
#include "config/table.hpp"

#include <filesystem>
#include <optional>
#include <vector>

namespace landfall::config {

/// Where a route table comes from, and so what it may say.
struct route_source {
  bool document = false;        ///< a signed list: the subset of schema.hpp, and global addresses only
  bool lab = false;             ///< with `document`: private and loopback addresses too
  std::filesystem::path folder; ///< against which `ca` and `auth_key` are resolved
};

/// nullopt: complained of. A route without a name comes back without one; the caller knows its place and gives it one.
[[nodiscard]] std::optional<route> read_route(const table& from, const route_source& source,
                                              std::vector<complaint>& complaints);

/// True for what may name a route: it stands in outputs, metrics and paths of the API.
[[nodiscard]] bool is_route_name(std::string_view name) noexcept;

} // namespace landfall::config
