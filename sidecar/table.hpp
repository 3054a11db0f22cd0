// What people see of a race: a live table of lanes on a terminal, one plain line for each thing that ends elsewhere.
// Fed with events, so the same table serves a race in this process, a sidecar that runs, and the demo.
#pragma once

#include "sidecar/events.hpp"

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::sidecar {

/// Rows of cells as lines with aligned columns. Cells are made printable and cut at 60 characters.
[[nodiscard]] std::vector<std::string> aligned(const std::vector<std::vector<std::string>>& rows);

/// "12 ms", "3.4 s"
[[nodiscard]] std::string duration_text(std::int64_t ms);

class lane_table {
public:
  /// Writes to `out`, in place when it is a `terminal`.
  lane_table(std::FILE* out, bool terminal) : out_(out), terminal_(terminal) {}
  void take(const event& happened);
  /// Draws `lines` in place of those drawn before; elsewhere than on a terminal just prints them.
  void draw(const std::vector<std::string>& lines);

private:
  struct lane {
    std::string route, kind, state;
    std::int64_t ms = -1;
    std::string error;
  };
  [[nodiscard]] lane& lane_of(const event& happened);
  void take_transport(const std::string& who, const std::string& what, const std::string& detail);
  [[nodiscard]] std::vector<std::string> lines() const;
  void say(const event& happened);
  std::FILE* out_;
  bool terminal_;
  std::vector<lane> lanes_;
  std::string headline_;
  std::string transport_; ///< what a program on the way told last
  std::string tor_;       ///< how far tor is: what onion lanes wait for
  std::size_t drawn_ = 0;
};

/// All of a terminal, for as long as this lives; what stood there before comes back at its end. Drawn from the top each
/// time, so that no resize leaves anything behind.
class full_screen {
public:
  explicit full_screen(std::FILE* out);
  full_screen(const full_screen&) = delete;
  full_screen& operator=(const full_screen&) = delete;
  ~full_screen();
  void draw(const std::vector<std::string>& lines);

private:
  std::FILE* out_;
};

/// `lines` as they fit on the terminal that `out` is: the first ones, cut at its right edge. All of them where it is
/// none, or does not say how large it is.
[[nodiscard]] std::vector<std::string> fitted(std::vector<std::string> lines, std::FILE* out);

/// True when the descriptor is a terminal that is not called dumb.
[[nodiscard]] bool is_terminal(std::FILE* out);

/// A member's text, or "" when it is none. For reading our own JSON.
[[nodiscard]] std::string text_in(const boost::json::object& object, std::string_view name);

} // namespace landfall::sidecar
