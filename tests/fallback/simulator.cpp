#include "simulator.hpp"

#include <algorithm>

namespace landfall::simulation {

namespace {

struct pending {
  base::steady_time when;
  std::size_t lane;
  base::stage stage; // none: the lane ends
};

class world {
public:
  world(const std::vector<model>& lanes, const config::fallback_settings& settings, std::uint64_t seed)
      : models_(lanes), plan_(entrants(lanes), settings, seed) {}

  trace race() {
    for (int turns = 0; turns < 10000; ++turns) {
      const auto action = plan_.next(now_);
      if (const auto* start = std::get_if<net::start_lane>(&action))
        begin(start->lane);
      else if (const auto* until = std::get_if<net::wait_until>(&action)) {
        if (!wait(until->when)) return std::move(trace_);
      } else
        return finish();
    }
    trace_.complaint = "the schedule spins";
    return std::move(trace_);
  }

private:
  static std::vector<fallback::entrant> entrants(const std::vector<model>& lanes) {
    std::vector<fallback::entrant> out;
    for (const auto& lane : lanes) out.push_back({lane.group, lane.tier});
    return out;
  }

  void note(happening::kind what, std::size_t lane, base::stage stage = base::stage::none) {
    trace_.happenings.push_back({what, lane, now_ - base::steady_time{}, stage});
  }

  void begin(std::size_t lane) {
    note(happening::kind::started, lane);
    for (const auto& step : models_[lane].steps)
      if (step.after < models_[lane].ends) expect({now_ + step.after, lane, step.at});
    expect({now_ + models_[lane].ends, lane, base::stage::none});
  }

  void expect(pending what) { queue_.insert(std::ranges::upper_bound(queue_, what.when, {}, &pending::when), what); }

  /// To the next happening or to `when`, whichever is first.
  bool wait(base::steady_time when) {
    if (when <= now_) return complain("the schedule waits for the past");
    if (queue_.empty() || when < queue_.front().when) {
      if (when == base::steady_time::max()) return complain("the schedule waits for nothing");
      now_ = when;
      return true;
    }
    const auto next = queue_.front();
    queue_.erase(queue_.begin());
    now_ = next.when;
    if (next.stage == base::stage::none) {
      note(happening::kind::ended, next.lane);
      plan_.ended(next.lane, report(next.lane), now_);
    } else {
      note(happening::kind::reached, next.lane, next.stage);
      plan_.progressed(next.lane, next.stage, now_);
    }
    return true;
  }

  bool complain(const char* what) {
    trace_.complaint = what;
    return false;
  }

  fallback::lane_report report(std::size_t lane) const {
    fallback::lane_report out;
    out.route = std::to_string(lane);
    out.outcome = models_[lane].outcome;
    out.tier = models_[lane].list;
    out.adopted = models_[lane].adopted;
    return out;
  }

  /// As net::race does it: what still runs is cancelled, and each end is reported.
  trace finish() {
    for (const auto& left : queue_)
      if (left.stage == base::stage::none) {
        fallback::lane_report out;
        out.route = std::to_string(left.lane);
        plan_.ended(left.lane, out, now_);
      }
    trace_.finished = now_ - base::steady_time{};
    trace_.winner = plan_.winner();
    trace_.reports = plan_.reports();
    return std::move(trace_);
  }

  const std::vector<model>& models_;
  fallback::schedule plan_;
  base::steady_time now_{};
  std::vector<pending> queue_;
  trace trace_;
};

} // namespace

std::vector<happening> trace::only(happening::kind what) const {
  std::vector<happening> out;
  for (const auto& one : happenings)
    if (one.what == what) out.push_back(one);
  return out;
}

trace run(const std::vector<model>& lanes, const config::fallback_settings& settings, std::uint64_t seed) {
  return world(lanes, settings, seed).race();
}

model silent(std::string group, int tier) {
  model out;
  out.group = std::move(group);
  out.tier = tier;
  return out;
}

model answering(milliseconds syn_ack, std::string group, int tier) {
  auto out = silent(std::move(group), tier);
  out.steps = {{syn_ack, base::stage::connect}};
  return out;
}

model failing(milliseconds after, base::outcome how, int tier) {
  auto out = silent({}, tier);
  out.ends = after;
  out.outcome = how;
  return out;
}

model bringing(milliseconds after, base::outcome what, trust::tier list, bool adopted, int tier) {
  auto out = failing(after, what, tier);
  out.list = list;
  out.adopted = adopted;
  return out;
}

model winning(milliseconds after, int tier) { return bringing(after, base::outcome::won, trust::tier::a, true, tier); }

} // namespace landfall::simulation
