#include "config/bridge_file.hpp"

#include "base/file.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::config {

bridge_file bridge_file::load(const std::filesystem::path& path, std::vector<std::string>& complaints) {
  bridge_file out;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return out;
  const auto content = base::read_file(path, max_pasted);
  if (!content) {
    complaints.push_back(content.error().detail);
    out.damaged_ = true;
    return out;
  }
  auto read = parse_pasted(*content);
  out.damaged_ = !read.problems.empty();
  for (const auto& problem : read.problems)
    complaints.push_back(path.filename().string() + ": " + problem + "; skipped");
  if (read.lines.size() > max_kept_bridges) {
    complaints.push_back(
        fmt::format("{}: more than {} bridges; the rest is skipped", path.filename().string(), max_kept_bridges));
    read.lines.resize(max_kept_bridges);
    out.damaged_ = true;
  }
  out.lines_ = std::move(read.lines);
  return out;
}

base::result<bool> bridge_file::add(bridge_line line) {
  if (std::find(lines_.begin(), lines_.end(), line) != lines_.end()) return false;
  if (lines_.size() >= max_kept_bridges)
    return base::fail(base::outcome::too_large,
                      fmt::format("{} bridges are kept already; remove some first", max_kept_bridges));
  lines_.push_back(std::move(line));
  return true;
}

bool bridge_file::remove(std::size_t number) {
  if (number == 0 || number > lines_.size()) return false;
  lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(number - 1));
  return true;
}

base::result<void> bridge_file::save(const std::filesystem::path& path) {
  std::string content;
  for (const auto& line : lines_) content += line.reveal() + "\n";
  if (damaged_) base::set_aside(path);
  if (auto written = base::write_file(path, content); !written) return written;
  damaged_ = false;
  return {};
}

} // namespace landfall::config
