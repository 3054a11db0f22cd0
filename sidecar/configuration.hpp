// The configuration that a command works with: found, read, and - when something is wrong with it - complained about.
#pragma once

#include "config/settings.hpp"

#include <CLI/App.hpp>

#include <string>
#include <variant>

namespace landfall::sidecar {

/// -c, --config FILE
void add_configuration_option(CLI::App& command, std::string& file);

/// `file`, or when that is empty the one that the rule of config/paths.hpp finds, with what LANDFALL_STATE and
/// LANDFALL_EXPOSURE say. That there is none is a problem too.
[[nodiscard]] config::loaded find_and_load(const std::string& file);

/// As find_and_load, with the problems on stderr, one a line: then there is the exit status instead.
[[nodiscard]] std::variant<config::settings, int> load_configuration(const std::string& file);

} // namespace landfall::sidecar
