// STATE/bridges: the bridge lines that `landfall bridge add` keeps, one a line. What is read back is checked again as
// if it had been pasted; damaged lines are reported and skipped, and the file as it was is set aside before it is
// replaced.
#pragma once

#include "config/bridge_line.hpp"

#include <filesystem>

namespace landfall::config {

inline constexpr std::size_t max_kept_bridges = 64;

class bridge_file {
public:
  /// No file, no lines. Never fails: what is wrong goes to `complaints`, one line each, without a bridge's details.
  [[nodiscard]] static bridge_file load(const std::filesystem::path& path, std::vector<std::string>& complaints);

  [[nodiscard]] const std::vector<bridge_line>& lines() const noexcept { return lines_; }
  /// False: it was there already. Errors: too_large (max_kept_bridges).
  [[nodiscard]] base::result<bool> add(bridge_line line);
  /// By its number in lines(), from 1, as `landfall bridge list` shows it. False: there is no such line.
  bool remove(std::size_t number);
  /// Temporary file, fsync, rename (0600). Errors: local_error.
  [[nodiscard]] base::result<void> save(const std::filesystem::path& path);

private:
  std::vector<bridge_line> lines_;
  bool damaged_ = false;
};

} // namespace landfall::config
