// Log lines for people on stderr, one event a line. Formatting rules hold: what is sensitive does not print.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace landfall::base {

enum class level { debug, info, warning, error };

/// Lines below this are dropped before they are formatted. Default: info.
void log_level(level minimum) noexcept;
[[nodiscard]] level log_level() noexcept;

/// Writes "landfall: warning: TEXT" in one write(2), control characters replaced, so no input can forge a line.
void log_line(level at, std::string_view text);

template <class... Args> void log(level at, fmt::format_string<Args...> format, Args&&... args) {
  if (at >= log_level()) log_line(at, fmt::format(format, std::forward<Args>(args)...));
}

/// Control characters and bytes above 0x7e replaced by '?': for anything from outside that goes to a terminal.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max = 200);

} // namespace landfall::base
