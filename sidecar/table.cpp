#include "sidecar/table.hpp"

#include "base/log.hpp"

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace landfall::sidecar {

namespace {

constexpr std::size_t widest_cell = 60;

std::int64_t number_in(const boost::json::object& object, std::string_view name, std::int64_t otherwise) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return otherwise;
  if (value->is_uint64()) return static_cast<std::int64_t>(value->get_uint64());
  return value->is_int64() ? value->get_int64() : otherwise;
}

} // namespace

std::string text_in(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->get_string());
}

std::string duration_text(std::int64_t ms) {
  if (ms < 0) return {};
  return ms < 1000 ? fmt::format("{} ms", ms) : fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
}

std::vector<std::string> aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> cells = rows;
  std::vector<std::size_t> widths;
  for (auto& row : cells) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = base::printable(row[i], i + 1 < row.size() ? widest_cell : 2 * widest_cell);
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::vector<std::string> out;
  for (const auto& row : cells) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out.push_back(std::move(line));
  }
  return out;
}

lane_table::lane& lane_table::lane_of(const event& happened) {
  const auto route = text_in(happened.data, "route");
  const auto place = std::find_if(lanes_.begin(), lanes_.end(), [&route](const lane& l) { return l.route == route; });
  return place == lanes_.end() ? lanes_.emplace_back(lane{route, {}, {}, -1, {}}) : *place;
}

void lane_table::take(const event& happened) {
  const auto& data = happened.data;
  if (happened.name == "race_started") {
    lanes_.clear();
    tor_.clear();
    headline_ = fmt::format("race {}", number_in(data, "race", 0));
  } else if (happened.name == "lane_started") {
    auto& one = lane_of(happened);
    one.kind = text_in(data, "kind");
    one.state = "trying";
  } else if (happened.name == "lane_progress") {
    lane_of(happened).state = text_in(data, "stage");
  } else if (happened.name == "lane_ended") {
    auto& one = lane_of(happened);
    one.state = text_in(data, "outcome");
    one.ms = number_in(data, "ms", -1);
    one.error = text_in(data, "error");
  } else if (happened.name == "transport") {
    take_transport(text_in(data, "transport"), text_in(data, "what"), text_in(data, "detail"));
  } else if (happened.name == "race_ended") {
    transport_.clear();
    const auto won = text_in(data, "won");
    headline_ += won.empty() ? ": no fresh list" : ": won by " + won;
  }
  terminal_ ? draw(lines()) : say(happened);
}

void lane_table::take_transport(const std::string& who, const std::string& what, const std::string& detail) {
  if (what == "bootstrap") { // the detail says it all: "tor: 45 % requesting_descriptors"
    tor_ = fmt::format("{}: {}", who, detail);
    return;
  }
  transport_ = fmt::format("{}: {}", who, what);
  if (!detail.empty()) transport_ += ": " + detail;
}

std::vector<std::string> lane_table::lines() const {
  std::vector<std::vector<std::string>> cells;
  for (const auto& one : lanes_) {
    const bool waits_for_tor = one.kind == "onion" && (one.state == "trying" || one.state == "handshake");
    const auto& state = waits_for_tor && !tor_.empty() ? tor_ : one.state;
    cells.push_back({one.route, one.kind, state, duration_text(one.ms), one.error});
  }
  auto out = aligned(cells);
  if (!headline_.empty()) out.insert(out.begin(), base::printable(headline_));
  if (!transport_.empty()) out.push_back(base::printable(transport_));
  return out;
}

void lane_table::draw(const std::vector<std::string>& lines) {
  std::string text;
  if (terminal_ && drawn_ > 0) text += fmt::format("\x1b[{}A\x1b[J", drawn_);
  // What does not fit would wrap or scroll, and the next one would be drawn in the wrong place.
  const auto shown = terminal_ ? fitted(lines, out_) : lines;
  for (const auto& line : shown) text += line + "\n";
  drawn_ = shown.size();
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

void lane_table::say(const event& happened) {
  std::string line;
  if (happened.name == "lane_started") {
    line = fmt::format("{}: trying", text_in(happened.data, "route"));
  } else if (happened.name == "lane_ended") {
    const auto& one = lane_of(happened);
    line = fmt::format("{}: {} after {}", one.route, one.state, duration_text(one.ms));
    if (!one.error.empty()) line += ": " + one.error;
  } else if (happened.name == "transport") {
    line = text_in(happened.data, "what") == "bootstrap" ? tor_ : transport_;
  } else if (happened.name == "race_ended") {
    line = headline_;
  } else if (happened.name != "race_started" && happened.name != "lane_progress") {
    line = happened.name;
    if (const auto detail = text_in(happened.data, "detail"); !detail.empty()) line += ": " + detail;
  }
  if (line.empty()) return;
  const auto text = base::printable(line) + "\n";
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

full_screen::full_screen(std::FILE* out) : out_(out) {
  std::fputs("\x1b[?1049h\x1b[?25l", out_); // the other buffer, no cursor
}

full_screen::~full_screen() {
  std::fputs("\x1b[?25h\x1b[?1049l", out_);
  std::fflush(out_);
}

void full_screen::draw(const std::vector<std::string>& lines) {
  std::string text("\x1b[H");
  for (const auto& line : fitted(lines, out_))
    text += "\x1b[2K" + line + "\n"; // erased before, since a full line leaves the cursor on its end
  text += "\x1b[J";
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

std::vector<std::string> fitted(std::vector<std::string> lines, std::FILE* out) {
  winsize size{};
  if (::ioctl(::fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_row < 2 || size.ws_col == 0) return lines;
  if (lines.size() >= size.ws_row) lines.resize(size.ws_row - 1U); // the cursor stands on the last row
  for (auto& line : lines)
    if (line.size() > size.ws_col) line.resize(size.ws_col);
  return lines;
}

bool is_terminal(std::FILE* out) {
  const char* kind = std::getenv("TERM");
  return ::isatty(::fileno(out)) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

} // namespace landfall::sidecar
