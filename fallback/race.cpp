#include "fallback/race.hpp"

#include "fallback/interruptible.hpp"
#include "fallback/random.hpp"

#include <fmt/chrono.h>

#include <utility>

namespace landfall::fallback {

namespace {

/// A route without the newest list is frozen, and not a cache that lags, when it had this long to get it.
constexpr std::chrono::seconds time_to_follow = std::chrono::hours(1);

/// What the lanes of one race share; it lives in race_routes' frame, which joins them.
struct field {
  std::uint64_t number;
  race_context& context;
  penalties live; ///< the memory's, and those that this race earned
  std::mt19937_64 jitter;
  std::uint64_t epoch;         ///< in which it began
  std::vector<route> routes{}; ///< in ranked order, none penalised at the start
  std::shared_ptr<date_waiver> dates = std::make_shared<date_waiver>();
};

lane_report passed_over(const route& what, const wait& waits) {
  lane_report report;
  report.route = what.name;
  report.kind = what.kind;
  report.group = what.group;
  report.penalised_until = waits.until;
  report.error = fmt::format("penalised until {:%Y-%m-%dT%H:%M:%SZ}: {}", fmt::gmtime(std::time_t{waits.until}),
                             base::explain(waits.why));
  return report;
}

std::uint64_t epoch_of(const race_context& context) { return context.epoch ? context.epoch() : 0; }

/// A dead connection after sleep, or on a network that we left, says nothing about its route; a verified list says what
/// it says.
void forgive_if_cut(lane_report& report, const field& in) {
  if (is_success(report.outcome) || report.tier || epoch_of(in.context) == in.epoch) return;
  report.outcome = base::outcome::cancelled;
  report.error = "the network changed, or this computer slept";
  report.where.reset();
  report.given_up.clear();
}

/// One lane with its observer's calls around it.
awaitable<lane_report> watched_lane(field& in, const route& what, lane_task task, net::progress_fn progress) {
  auto& context = in.context;
  auto& watch = context.watch;
  const auto waits = in.live.of(context.here, what, context.clock.wall());
  if (waits) co_return passed_over(what, *waits); // another lane met the same place meanwhile
  watch.lane_started(in.number, what);
  const net::progress_fn tell = [&watch, &what, &in, progress](base::stage at) {
    watch.lane_progress(in.number, what, at);
    if (progress) progress(at);
  };
  const avoid_fn avoid = [&in](const base::place& where) {
    return in.live.avoids(in.context.here, where, in.context.clock.wall());
  };
  const lane_context lane{context.state, context.clock, watch, in.dates, avoid};
  auto running = run_lane(what, lane, task, whole_deadline(what.kind, context.deadlines), tell);
  auto report = co_await std::move(running);
  forgive_if_cut(report, in);
  in.live.apply(context.here, what, report, context.clock.wall(), unit(in.jitter));
  watch.lane_ended(in.number, report);
  co_return report;
}

/// A stream of its own, so that no outcome shifts the jitter of the schedule.
std::mt19937_64 backoff_jitter(std::uint64_t seed) { return std::mt19937_64(seed ^ 0x9e3779b97f4a7c15U); }

/// Moves those that may start into `in.routes`; returns their entrants, and a report for each that waits.
std::vector<entrant> line_up_routes(std::vector<route> routes, field& in, std::vector<lane_report>& waiting) {
  const auto& context = in.context;
  std::vector<entrant> out;
  for (auto& one : rank(routes, context.memory, context.here, context.settings.exposure, context.clock.wall())) {
    auto& what = routes[one.route];
    if (one.waits) {
      waiting.push_back(passed_over(what, *one.waits));
    } else if (one.why != standing::left_out) {
      out.push_back(std::move(one.as));
      in.routes.push_back(std::move(what));
    }
  }
  return out;
}

/// The result as the plan knows it; the companion that still runs is listed as cancelled, which it is not yet.
race_result result_of(const schedule& plan, const field& in, const std::vector<lane_report>& waiting) {
  race_result out;
  out.number = in.number;
  out.lanes = plan.reports();
  if (const auto winner = plan.winner()) out.won = in.routes[*winner].name;
  for (auto& lane : out.lanes)
    if (out.won && lane.outcome == base::outcome::cancelled && lane.error == base::explain(base::outcome::cancelled))
      lane.error = fmt::format("cancelled: {} won first", *out.won);
  if (const auto second = plan.companion()) {
    const auto& what = in.routes[*second];
    const auto same = [&what](const lane_report& lane) { return lane.route == what.name; };
    if (std::none_of(out.lanes.begin(), out.lanes.end(), same)) {
      lane_report running;
      running.route = what.name;
      running.kind = what.kind;
      running.group = what.group;
      running.error = "to be compared with the winner";
      out.lanes.push_back(std::move(running));
    }
  }
  out.lanes.insert(out.lanes.end(), waiting.begin(), waiting.end());
  return out;
}

/// It brought an authentic list that another has long replaced: one that was past its time, or below the one in hand.
/// (A replay is told as such.)
bool is_behind(const lane_report& lane) {
  if (lane.outcome == base::outcome::verified_but_older) return true;
  const bool told_otherwise = lane.outcome == base::outcome::rolled_back || lane.outcome == base::outcome::equivocation;
  return lane.tier && *lane.tier != trust::tier::a && !told_otherwise;
}

/// Once the race is won: did a route hold the newest list back?
void compare(const schedule& plan, const field& in) {
  auto& context = in.context;
  const auto& list = context.state.list();
  if (!plan.winner() || !list) return;
  const auto age = context.state.time(context.clock.wall()).now() - (*list)->issued;
  if (age < time_to_follow.count()) return;
  auto newest = in.routes[*plan.winner()].name;
  std::vector<std::string> frozen;
  for (const auto& report : plan.reports()) {
    const bool compared = plan.companion() && report.route == in.routes[*plan.companion()].name;
    if (compared && report.outcome == base::outcome::won && report.adopted)
      frozen.push_back(std::exchange(newest, report.route));
    else if (is_behind(report))
      frozen.push_back(report.route);
  }
  for (const auto& route : frozen)
    context.watch.trust_event(
        {"frozen", fmt::format("{} has a newer list, issued {} hours ago", newest, age / time_to_follow.count())},
        route);
}

/// What every lane alone is to blame for. `in.routes` are those of the reports, and more.
void record(const std::vector<lane_report>& reports, field& in) {
  auto& context = in.context;
  auto random = backoff_jitter(context.seed);
  const auto now = context.clock.wall();
  for (const auto& report : reports)
    for (const auto& what : in.routes)
      if (what.name == report.route) context.memory.record(context.here, what, report, now, unit(random));
}

} // namespace

awaitable<result<race_result>> race_routes(std::uint64_t number, std::vector<route> routes, race_context context) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  const auto begun = context.clock.steady();
  context.memory.cap(context.clock.wall());
  field in{number, context, context.memory.penalised(), backoff_jitter(context.seed), epoch_of(context)};
  std::vector<lane_report> waiting;
  auto entrants = line_up_routes(std::move(routes), in, waiting);
  schedule plan(std::move(entrants), context.settings, context.seed, context.compare);

  std::optional<std::chrono::milliseconds> decided_after;
  const auto result_now = [&] {
    auto out = result_of(plan, in, waiting);
    const auto until_now = std::chrono::duration_cast<std::chrono::milliseconds>(context.clock.steady() - begun);
    out.elapsed = decided_after.value_or(until_now);
    return out;
  };
  const auto tell = [&](base::steady_time now) {
    decided_after = std::chrono::duration_cast<std::chrono::milliseconds>(now - begun);
    context.watch.race_ended(result_now());
  };
  interruptible within(plan, context.epoch, tell);
  context.watch.race_started(number, in.routes.size());
  const std::function<awaitable<lane_report>(std::size_t, net::progress_fn)> run = [&in](std::size_t lane,
                                                                                         net::progress_fn progress) {
    return watched_lane(in, in.routes[lane], {}, std::move(progress));
  };
  auto running = net::race<lane_report>(within, run, context.clock);
  const auto ended = co_await std::move(running);

  auto out = result_now();
  out.verdict = judge(plan.reports(), context.gateway);
  out.interrupted = within.interrupted();
  if (out.verdict == verdict::open) record(plan.reports(), in);
  if (!decided_after) context.watch.race_ended(out);
  compare(plan, in);
  if (!ended) co_return ended.error();
  co_return out;
}

awaitable<lane_report> poll_route(route what, race_context context, bool roots_first) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  context.memory.cap(context.clock.wall());
  field in{0, context, context.memory.penalised(), backoff_jitter(context.seed), epoch_of(context)};
  in.routes.push_back(std::move(what));
  lane_task task;
  task.roots_first = roots_first;
  if (const auto& list = context.state.list()) task.unless = list->id();
  auto running = watched_lane(in, in.routes.front(), task, nullptr);
  auto report = co_await std::move(running);
  record({report}, in);
  co_return report;
}

} // namespace landfall::fallback
