// TOML to neutral tables. toml++ is compiled behind this header and nowhere else, because it is slow to compile.
#pragma once

#include "config/table.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::config {

/// `[name]` (one table) or `[[name]]` (as many as there are). Tables of arrays are called "name[1]", "name[2]" …
struct toml_section {
  bool repeated = false; ///< [[name]]
  int line = 0;
  std::vector<table> tables;
};

/// The file's sections by name. Values outside of sections are complained of; a syntax error is the only complaint
/// then. Never throws, bounded in depth; `text` must be bounded by the caller.
[[nodiscard]] std::map<std::string, toml_section> parse_toml(std::string_view text, std::vector<complaint>& complaints);

} // namespace landfall::config
