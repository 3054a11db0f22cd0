// Watches races: turns what fallback tells into events, the picture that /v1/status shows, and counters.
#pragma once

#include "fallback/race.hpp"
#include "sidecar/events.hpp"

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace landfall::sidecar {

/// One lane of the race that runs now.
struct lane_view {
  std::string route, kind;
  base::stage stage = base::stage::none;
  std::optional<fallback::lane_report> ended;
};

class race_watch final : public fallback::observer {
public:
  using trust_fn = std::function<void(const trust::event&)>;
  using adopted_fn = std::function<void(bool provisional)>;
  using ended_fn = std::function<void(const fallback::race_result&)>;

  race_watch(event_bus& events, trust_fn on_trust, adopted_fn on_adopted, ended_fn on_ended)
      : events_(events), on_trust_(std::move(on_trust)), on_adopted_(std::move(on_adopted)),
        on_ended_(std::move(on_ended)) {}

  void race_started(std::uint64_t race, std::size_t routes) override;
  void lane_started(std::uint64_t race, const fallback::route& route) override;
  void lane_progress(std::uint64_t race, const fallback::route& route, base::stage at) override;
  void lane_ended(std::uint64_t race, const fallback::lane_report& report) override;
  void race_ended(const fallback::race_result& ended) override;
  void trust_event(const trust::event& happened, const std::string& route) override;
  void list_adopted(bool provisional) override;

  /// The race that runs; nullopt between races.
  [[nodiscard]] std::optional<std::uint64_t> racing() const noexcept { return racing_; }
  [[nodiscard]] const std::vector<lane_view>& lanes() const noexcept { return lanes_; }
  [[nodiscard]] bool running(const std::string& route) const;

  using lane_counts = std::map<std::pair<std::string, std::string>, std::uint64_t>; ///< (kind, outcome)
  [[nodiscard]] const lane_counts& lanes_ended() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t races() const noexcept { return races_; }

private:
  [[nodiscard]] lane_view* find(const std::string& route);
  event_bus& events_;
  trust_fn on_trust_;
  adopted_fn on_adopted_;
  ended_fn on_ended_;
  std::optional<std::uint64_t> racing_;
  std::vector<lane_view> lanes_;
  lane_counts counts_;
  std::uint64_t races_ = 0;
};

} // namespace landfall::sidecar
