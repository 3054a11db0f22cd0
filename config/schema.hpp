// Every key of landfall.toml, by section: what unknown keys are told from, what docs/CONFIGURATION.md must describe.
#pragma once

#include <span>
#include <string_view>

namespace landfall::config {

struct section {
  std::string_view name; ///< "network"; routes by kind: "route.https"
  std::span<const std::string_view> keys;
};

/// All sections, in the order of the documentation.
[[nodiscard]] std::span<const section> schema() noexcept;

/// The keys of one section; empty for an unknown one.
[[nodiscard]] std::span<const std::string_view> keys_of(std::string_view section_name) noexcept;

/// The keys that a route in a signed list may have; `section_name` as in schema(), empty for a kind that may not stand
/// there.
[[nodiscard]] std::span<const std::string_view> document_keys_of(std::string_view section_name) noexcept;

} // namespace landfall::config
