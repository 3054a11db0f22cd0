#include "base/log.hpp"

#include <unistd.h>

#include <atomic>
#include <string>

namespace landfall::base {

namespace {
std::atomic<level> minimum_level{level::info};
constexpr std::size_t longest_line = 2000; // below PIPE_BUF, so that lines of several processes do not mix

std::string_view word(level at) {
  switch (at) {
  case level::debug: return "debug: ";
  case level::info: return "";
  case level::warning: return "warning: ";
  case level::error: return "error: ";
  }
  return "";
}
} // namespace

void log_level(level minimum) noexcept { minimum_level.store(minimum, std::memory_order_relaxed); }
level log_level() noexcept { return minimum_level.load(std::memory_order_relaxed); }

void log_line(level at, std::string_view text) {
  const std::string line = fmt::format("landfall: {}{}\n", word(at), printable(text, longest_line));
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

std::string printable(std::string_view text, std::size_t max) {
  std::string out(text.substr(0, max));
  for (char& c : out)
    if (c < 0x20 || c > 0x7e) c = '?';
  if (text.size() > max) out += "...";
  return out;
}

} // namespace landfall::base
