#include "bench/race_run.hpp"

#include <algorithm>
#include <set>

namespace landfall::bench {

namespace {

constexpr auto never = base::steady_time::max();

milliseconds whole(nanoseconds what) { return std::chrono::duration_cast<milliseconds>(what); }

struct pending {
  nanoseconds when;
  std::size_t lane;
  base::stage stage; ///< none: it ends
};

class loop {
public:
  loop(net::race_plan<fallback::lane_report>& plan, const course_fn& course, const report_fn& report,
       const ended_fn& on_end)
      : plan_(plan), course_(course), report_(report), on_end_(on_end) {}

  race_log run() {
    for (int turns = 0; turns < 10000; ++turns) {
      const auto action = plan_.next(base::steady_time{} + now_);
      if (const auto* start = std::get_if<net::start_lane>(&action))
        begin(start->lane);
      else if (const auto* stop = std::get_if<net::cancel_lane>(&action))
        cut_off(stop->lane);
      else if (const auto* until = std::get_if<net::wait_until>(&action)) {
        if (!wait(until->when)) return std::move(log_);
      } else
        return finish();
    }
    log_.complaint = "the plan spins";
    return std::move(log_);
  }

private:
  void begin(std::size_t lane) {
    auto made = course_(lane, now_);
    for (const auto& step : made.steps) queue_.push_back({now_ + step.after, lane, step.at});
    queue_.push_back({now_ + made.ends, lane, base::stage::none});
    std::ranges::stable_sort(queue_, {}, &pending::when);
    log_.lanes.push_back({lane, now_, milliseconds(0), false, std::move(made)});
  }

  ran& of(std::size_t lane) { return *std::ranges::find(log_.lanes, lane, &ran::lane); }

  bool wait(base::steady_time until) {
    const auto when = until == never ? nanoseconds::max() : until - base::steady_time{};
    if (when <= now_) return complain("the plan waits for the past");
    if (queue_.empty() || when < queue_.front().when) {
      if (until == never) return complain("the plan waits for nothing");
      now_ = when;
      return true;
    }
    const auto next = queue_.front();
    queue_.erase(queue_.begin());
    now_ = next.when;
    if (next.stage == base::stage::none)
      end(next.lane);
    else
      plan_.progressed(next.lane, next.stage, base::steady_time{} + now_);
    return true;
  }

  void end(std::size_t lane) {
    auto& one = of(lane);
    one.lasted = one.course.ends;
    auto report = report_(lane, one.course);
    if (!log_.winner && fallback::ends_race(report)) {
      log_.winner = lane;
      log_.decided = whole(now_);
    }
    if (on_end_) on_end_(lane, report, now_);
    plan_.ended(lane, std::move(report), base::steady_time{} + now_);
  }

  void cut_off(std::size_t lane) {
    const auto runs = [lane](const pending& one) { return one.lane == lane; };
    if (std::erase_if(queue_, runs) == 0) return;
    auto& one = of(lane);
    one.lasted = whole(now_ - one.started);
    one.cut_off = true;
    lane_course so_far; // cancelled; what it gave up before is known
    for (const auto& leg : one.course.legs)
      if (leg.ended <= one.lasted && &leg != &one.course.legs.back()) so_far.legs.push_back(leg);
    auto report = report_(lane, so_far);
    if (on_end_) on_end_(lane, report, now_);
    plan_.ended(lane, std::move(report), base::steady_time{} + now_);
  }

  race_log finish() {
    std::set<std::size_t> left;
    for (const auto& one : queue_) left.insert(one.lane);
    for (const auto lane : left) cut_off(lane);
    log_.finished = whole(now_);
    if (!log_.winner) log_.decided = log_.finished;
    return std::move(log_);
  }

  bool complain(const char* what) {
    log_.complaint = what;
    return false;
  }

  net::race_plan<fallback::lane_report>& plan_;
  const course_fn& course_;
  const report_fn& report_;
  const ended_fn& on_end_;
  nanoseconds now_{0};
  std::vector<pending> queue_;
  race_log log_;
};

} // namespace

net::race_action rival_plan::next(base::steady_time now) {
  if (won_) return net::finish{};
  std::size_t running = 0;
  auto wake = never;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    auto& lane = lanes_[i];
    if (lane.at != phase::running && lane.at != phase::stopping) continue;
    ++running;
    if (lane.at != phase::running || !how_.limit) continue;
    if (now >= lane.started + *how_.limit) {
      lane.at = phase::stopping;
      return net::cancel_lane{i};
    }
    wake = std::min(wake, lane.started + *how_.limit);
  }
  const auto waiting = std::ranges::find(lanes_, phase::waiting, &lane_state::at);
  if (waiting == lanes_.end()) return running > 0 ? net::race_action(net::wait_until{wake}) : net::finish{};
  if (running >= how_.most) return net::wait_until{wake};
  const auto lane = static_cast<std::size_t>(waiting - lanes_.begin());
  const auto when = due(lane, running, now);
  if (now < when) return net::wait_until{std::min(when, wake)};
  *waiting = {phase::running, now};
  newest_ = lane;
  failed_ = false;
  return net::start_lane{lane};
}

base::steady_time rival_plan::due(std::size_t lane, std::size_t running, base::steady_time now) const {
  if (!newest_) return now;
  const auto last = lanes_[*newest_].started;
  if (tiers_[lane] > tiers_[*newest_] && how_.tier_gap > milliseconds(0)) return std::max(now, last + how_.tier_gap);
  if (running == 0) return now;
  if (!how_.stagger) return never;
  return failed_ ? now : last + *how_.stagger;
}

void rival_plan::ended(std::size_t lane, fallback::lane_report report, base::steady_time) {
  lanes_[lane].at = phase::done;
  failed_ = true;
  won_ = won_ || fallback::ends_race(report);
}

race_log run_race(net::race_plan<fallback::lane_report>& plan, const course_fn& course, const report_fn& report,
                  const ended_fn& on_end) {
  return loop(plan, course, report, on_end).run();
}

cost cost_of(const race_log& race) {
  cost out;
  std::set<std::string> names, addresses;
  for (const auto& lane : race.lanes) {
    auto seen = seen_until(lane.course, lane.lasted);
    out.bytes += seen.bytes;
    out.connections += seen.connections;
    names.insert(seen.names.begin(), seen.names.end());
    addresses.insert(seen.addresses.begin(), seen.addresses.end());
  }
  out.names = names.size();
  out.addresses = addresses.size();
  return out;
}

} // namespace landfall::bench
