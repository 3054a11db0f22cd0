// How the building of something goes on, for people who wait for it: a row for each step with its seconds, counting, on
// a terminal; a line at the begin of each elsewhere.
#pragma once

#include "base/clock.hpp"
#include "net/async.hpp"
#include "sidecar/table.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace landfall::sidecar {

class demo_progress {
public:
  /// Outlived by `clock`.
  demo_progress(std::FILE* out, bool terminal, const base::clock& clock)
      : out_(out), terminal_(terminal), clock_(clock), rows_(out, terminal) {}

  /// Does `work` as the step `name`, which people know as `about`. Errors: those of `work`.
  [[nodiscard]] net::awaitable<net::result<void>> step(std::string name, std::string about,
                                                       net::awaitable<net::result<void>> work);

  /// {"keys":2150,…}: milliseconds of each step that has ended.
  [[nodiscard]] boost::json::object told() const;

private:
  struct row {
    std::string name, about;
    base::steady_time begun;
    std::optional<std::chrono::milliseconds> took;
  };
  [[nodiscard]] net::awaitable<void> count();
  void draw();
  std::FILE* out_;
  bool terminal_;
  const base::clock& clock_;
  lane_table rows_;
  std::vector<row> steps_;
};

} // namespace landfall::sidecar
