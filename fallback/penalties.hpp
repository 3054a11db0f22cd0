// Who waits until when, and how routes fared: applied once after a race from the reports (design §1, §8). Pure value;
// save and load are one file, fallback.json in the state folder, damaged ones set aside.
#pragma once

#include "base/clock.hpp"
#include "fallback/lane.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace landfall::fallback {

/// What is remembered of a route.
struct route_memory {
    base::unix_time until = 0; ///< not tried before
    int failures = 0;          ///< in a row
    base::outcome last = base::outcome::cancelled;
    base::unix_time last_at = 0;
    std::int64_t wins = 0, tries = 0;
};

class penalties {
  public:
    /// Applies policy_of(report.outcome); `jitter` in [0,1) spreads the backoff.
    void record(const lane_report& report, base::unix_time now, double jitter);
    [[nodiscard]] bool penalised(const std::string& route, base::unix_time now) const;
    [[nodiscard]] const route_memory* of(const std::string& route) const;

    /// Whole-file text, and back. A damaged text is nullopt. Times far in the future (clock stepped back) are capped.
    [[nodiscard]] std::string to_text() const;
    [[nodiscard]] static std::optional<penalties> from_text(std::string_view text, base::unix_time now);
    [[nodiscard]] base::result<void> save(const std::filesystem::path& file) const;
    [[nodiscard]] static penalties load(const std::filesystem::path& file, base::unix_time now, std::vector<std::string>& complaints);

  private:
    std::map<std::string, route_memory> routes_;
};

} // namespace landfall::fallback
