#include "simulator.hpp"

#include "fallback/evidence.hpp"

#include <algorithm>

namespace landfall::simulation {

namespace {

struct pending {
  base::steady_time when;
  std::size_t lane;
  base::stage stage; // none: the lane ends
};

/// Which model runs on a lane, and how it would end there.
struct runner {
  std::size_t index;
  const model* as;
  bool kept_away = false; ///< nothing is contacted
};

fallback::lane_report report_of(const runner& lane) {
  fallback::lane_report out;
  const auto& from = *lane.as;
  out.route = route_of(from, lane.index).name;
  out.kind = from.kind;
  out.group = from.group;
  if (lane.kept_away) return out; // cancelled
  out.outcome = from.outcome;
  out.stage = from.stage;
  out.tier = from.list;
  out.adopted = from.adopted;
  out.elapsed = from.ends;
  if (!fallback::is_success(from.outcome)) out.where = from.where;
  return out;
}

class loop {
public:
  /// `keep_away`: whether a lane that starts now may contact nothing.
  using keep_away_fn = std::function<bool(const runner&)>;
  loop(std::vector<runner> lanes, fallback::schedule plan, keep_away_fn keep_away,
       std::function<void(const runner&, const fallback::lane_report&)> on_end)
      : lanes_(std::move(lanes)), plan_(std::move(plan)), keep_away_(std::move(keep_away)), on_end_(std::move(on_end)) {
  }

  trace race() {
    for (int turns = 0; turns < 10000; ++turns) {
      const auto action = plan_.next(now_);
      if (plan_.winner() && trace_.decided == std::chrono::nanoseconds(0)) trace_.decided = now_ - base::steady_time{};
      if (const auto* start = std::get_if<net::start_lane>(&action))
        begin(start->lane);
      else if (const auto* stop = std::get_if<net::cancel_lane>(&action))
        cancel(stop->lane);
      else if (const auto* until = std::get_if<net::wait_until>(&action)) {
        if (!wait(until->when)) return std::move(trace_);
      } else
        return finish();
    }
    trace_.complaint = "the schedule spins";
    return std::move(trace_);
  }

private:
  void note(happening::kind what, std::size_t lane, base::stage stage = base::stage::none) {
    trace_.happenings.push_back({what, lanes_[lane].index, now_ - base::steady_time{}, stage});
  }

  void begin(std::size_t lane) {
    auto& one = lanes_[lane];
    one.kept_away = keep_away_ && keep_away_(one);
    if (one.kept_away) {
      expect({now_ + milliseconds(1), lane, base::stage::none});
      return;
    }
    note(happening::kind::started, lane);
    for (const auto& step : one.as->steps)
      if (step.after < one.as->ends) expect({now_ + step.after, lane, step.at});
    expect({now_ + one.as->ends, lane, base::stage::none});
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
      const auto& lane = lanes_[next.lane];
      if (!lane.kept_away) note(happening::kind::ended, next.lane);
      const auto report = report_of(lane);
      if (on_end_) on_end_(lane, report);
      plan_.ended(next.lane, report, now_);
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

  /// As net::race does it: the end is reported as every other.
  void cancel(std::size_t lane) {
    const auto runs = std::ranges::find_if(
        queue_, [lane](const pending& one) { return one.lane == lane && one.stage == base::stage::none; });
    if (runs == queue_.end()) return;
    std::erase_if(queue_, [lane](const pending& one) { return one.lane == lane; });
    plan_.ended(lane, cut(lane), now_);
  }

  fallback::lane_report cut(std::size_t lane) const {
    auto out = report_of({lanes_[lane].index, lanes_[lane].as, true});
    out.elapsed = milliseconds(0);
    return out;
  }

  /// What still runs is cancelled, and each end is reported.
  trace finish() {
    for (const auto& left : queue_)
      if (left.stage == base::stage::none) plan_.ended(left.lane, cut(left.lane), now_);
    trace_.finished = now_ - base::steady_time{};
    if (const auto winner = plan_.winner()) trace_.winner = lanes_[*winner].index;
    if (const auto second = plan_.companion()) trace_.companion = lanes_[*second].index;
    if (!plan_.winner()) trace_.decided = trace_.finished;
    trace_.reports = plan_.reports();
    return std::move(trace_);
  }

  std::vector<runner> lanes_;
  fallback::schedule plan_;
  keep_away_fn keep_away_;
  std::function<void(const runner&, const fallback::lane_report&)> on_end_;
  base::steady_time now_{};
  std::vector<pending> queue_;
  trace trace_;
};

fallback::entrant entrant_of(const model& from) {
  const auto seen = from.seen.value_or(fallback::usual_visibility(from.kind));
  fallback::entrant out{from.group, from.tier};
  out.kind = from.kind;
  out.conspicuous = seen.cost != fallback::cost::quiet;
  out.shows_name = seen.shows_name;
  out.plain_lookup = seen.plain_lookup;
  out.places = from.places;
  return out;
}

} // namespace

std::vector<happening> trace::only(happening::kind what) const {
  std::vector<happening> out;
  for (const auto& one : happenings)
    if (one.what == what) out.push_back(one);
  return out;
}

trace run(const std::vector<model>& lanes, const config::fallback_settings& settings, std::uint64_t seed,
          milliseconds compare) {
  std::vector<runner> runners;
  std::vector<fallback::entrant> entrants;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    runners.push_back({i, &lanes[i]});
    entrants.push_back(entrant_of(lanes[i]));
  }
  return loop(std::move(runners), fallback::schedule(std::move(entrants), settings, seed, compare), {}, {}).race();
}

trace world::race(const std::vector<model>& lanes, std::uint64_t seed) {
  memory.cap(now);
  std::vector<fallback::route> routes;
  for (std::size_t i = 0; i < lanes.size(); ++i) routes.push_back(route_of(lanes[i], i));
  std::vector<runner> runners;
  std::vector<fallback::entrant> entrants;
  for (auto& one : fallback::rank(routes, memory, here(), settings.exposure, now)) {
    if (one.waits || one.why == fallback::standing::left_out) continue;
    runners.push_back({one.route, &lanes[one.route]});
    entrants.push_back(std::move(one.as));
  }
  auto live = memory.penalised();
  const auto keep_away = [&](const runner& one) {
    return live.of(here(), routes[one.index], now) || (one.as->where && live.avoids(here(), *one.as->where, now));
  };
  const auto on_end = [&](const runner& one, const fallback::lane_report& report) {
    live.apply(here(), routes[one.index], report, now, 0.5);
  };
  auto out =
      loop(std::move(runners), fallback::schedule(std::move(entrants), settings, seed, compare), keep_away, on_end)
          .race();
  now += std::chrono::duration_cast<std::chrono::seconds>(out.finished).count();
  if (fallback::judge(out.reports, {}) == fallback::verdict::open)
    for (const auto& report : out.reports)
      for (const auto& what : routes)
        if (what.name == report.route) memory.record(here(), what, report, now, 0.5);
  return out;
}

fallback::route route_of(const model& from, std::size_t index) {
  fallback::route out;
  out.name = from.name.empty() ? std::to_string(index) : from.name;
  out.kind = from.kind;
  out.group = from.group;
  out.tier = from.tier;
  out.places = from.places;
  out.seen = from.seen;
  return out;
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
