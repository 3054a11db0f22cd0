#include "fallback/race.hpp"

#include "fallback/random.hpp"

#include <fmt/chrono.h>

#include <utility>

namespace landfall::fallback {

namespace {

/// What the lanes of one race share; it lives in race_routes' frame, which joins them.
struct field {
  std::uint64_t number;
  std::vector<route> routes; ///< in ranked order, none penalised
  race_context& context;
  std::shared_ptr<date_waiver> dates = std::make_shared<date_waiver>();
};

/// One lane with its observer's calls around it.
awaitable<lane_report> watched_lane(std::uint64_t race, const route& what, race_context& context,
                                    std::shared_ptr<date_waiver> dates, lane_task task, net::progress_fn progress) {
  auto& watch = context.watch;
  watch.lane_started(race, what);
  const net::progress_fn tell = [&watch, &what, race, progress](base::stage at) {
    watch.lane_progress(race, what, at);
    if (progress) progress(at);
  };
  const lane_context lane{context.state, context.clock, watch, std::move(dates)};
  auto running = run_lane(what, lane, task, whole_deadline(what.kind, context.deadlines), tell);
  auto report = co_await std::move(running);
  watch.lane_ended(race, report);
  co_return report;
}

lane_report passed_over(const route& what, const route_memory& memory) {
  lane_report report;
  report.route = what.name;
  report.kind = what.kind;
  report.error = fmt::format("penalised until {:%Y-%m-%dT%H:%M:%SZ}: {}", fmt::gmtime(std::time_t{memory.until}),
                             base::explain(memory.last));
  return report;
}

std::vector<entrant> entrants_of(const std::vector<route>& routes) {
  std::vector<entrant> out;
  out.reserve(routes.size());
  for (const auto& route : routes) out.push_back({route.group, route.tier});
  return out;
}

/// Moves those that may start into `field`, in ranked order; returns a report for each of the others.
std::vector<lane_report> line_up(std::vector<route> routes, const penalties& memory, base::unix_time now, field& into) {
  std::vector<lane_report> out;
  for (const auto index : rank(entrants_of(routes))) {
    auto& route = routes[index];
    if (memory.penalised(route.name, now))
      out.push_back(passed_over(route, *memory.of(route.name)));
    else
      into.routes.push_back(std::move(route));
  }
  return out;
}

/// A stream of its own, so that no outcome shifts the jitter of the schedule.
std::mt19937_64 backoff_jitter(std::uint64_t seed) { return std::mt19937_64(seed ^ 0x9e3779b97f4a7c15U); }

} // namespace

awaitable<result<race_result>> race_routes(std::uint64_t number, std::vector<route> routes, race_context context) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  const auto begun = context.clock.steady();
  context.memory.cap(context.clock.wall());
  field lanes{number, {}, context};
  auto penalised = line_up(std::move(routes), context.memory, context.clock.wall(), lanes);
  schedule plan(entrants_of(lanes.routes), context.settings, context.seed);

  context.watch.race_started(number, lanes.routes.size());
  const std::function<awaitable<lane_report>(std::size_t, net::progress_fn)> run = [&lanes](std::size_t lane,
                                                                                            net::progress_fn progress) {
    return watched_lane(lanes.number, lanes.routes[lane], lanes.context, lanes.dates, {}, std::move(progress));
  };
  auto running = net::race<lane_report>(plan, run, context.clock);
  const auto ended = co_await std::move(running);

  auto random = backoff_jitter(context.seed);
  const auto now = context.clock.wall();
  for (const auto& report : plan.reports()) context.memory.record(report, now, unit(random));
  race_result out{number, {}, plan.reports(), {}};
  out.lanes.insert(out.lanes.end(), penalised.begin(), penalised.end());
  if (const auto winner = plan.winner()) out.won = lanes.routes[*winner].name;
  out.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(context.clock.steady() - begun);
  context.watch.race_ended(number, out.won);
  if (!ended) co_return ended.error();
  co_return out;
}

awaitable<lane_report> poll_route(route what, race_context context, bool roots_first) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  context.memory.cap(context.clock.wall());
  if (context.memory.penalised(what.name, context.clock.wall()))
    co_return passed_over(what, *context.memory.of(what.name));
  lane_task task;
  task.roots_first = roots_first;
  if (const auto& list = context.state.list()) task.unless = list->id();
  auto running = watched_lane(0, what, context, std::make_shared<date_waiver>(), task, nullptr);
  auto report = co_await std::move(running);
  auto random = backoff_jitter(context.seed);
  context.memory.record(report, context.clock.wall(), unit(random));
  co_return report;
}

} // namespace landfall::fallback
