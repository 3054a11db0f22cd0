#include "fallback/lane.hpp"

#include "net/deadline.hpp"
#include "trust/limits.hpp"

#include <utility>

namespace landfall::fallback {

namespace {

using base::outcome;
using base::stage;

/// More than any route tries in a lane; a fetch that tells for ever fills no memory.
constexpr std::size_t max_given_up = 16;

/// What the coroutines of one lane share; it lives in run_lane's frame, which joins them.
struct attempt {
  route what;
  lane_context context;
  lane_task task;
  net::progress_fn tell;
  stage reached = stage::none;
  bool ignores_dates = false;
  bool in_parts = false; ///< the last list
  std::vector<base::failure> given_up{};

  void progress(stage at) {
    reached = at;
    if (tell) tell(at);
  }
};

/// "No such root here": the end of the chain as far as this route goes. Front ends and object stores say 403 or 410 for
/// it.
bool is_absent(const base::failure& why) noexcept {
  return why.what == outcome::http_status && (why.code == 404 || why.code == 403 || why.code == 410);
}

bool wants_newer_root(outcome what) noexcept {
  return what == outcome::below_threshold || what == outcome::root_needed;
}

awaitable<result<trust::unverified_document>> fetch(attempt& lane, document_request request) {
  request.now = lane.context.state.time(lane.context.clock.wall()).now();
  request.ignore_dates = lane.ignores_dates;
  request.avoid = lane.context.avoid;
  request.gave_up = [&lane](const base::failure& why) {
    if (lane.given_up.size() < max_given_up) lane.given_up.push_back(why);
  };
  const net::progress_fn on_stage = [&lane](stage at) { lane.progress(at); };
  auto first = lane.what.fetch(request, on_stage);
  auto got = co_await std::move(first);
  auto& waiver = *lane.context.dates;
  const bool dates_alone = !got && got.error().what == outcome::clock_suspect;
  if (!dates_alone || lane.ignores_dates || waiver.taken) co_return got;
  const bool cancelled = co_await net::was_cancelled();
  if (cancelled) co_return got;
  waiver.taken = lane.ignores_dates = request.ignore_dates = true;
  auto second = lane.what.fetch(request, on_stage);
  auto repeated = co_await std::move(second);
  co_return repeated;
}

void tell_all(attempt& lane, const std::vector<trust::event>& events) {
  for (const auto& event : events) lane.context.watch.trust_event(event, lane.what.name);
}

/// Root N+1, N+2 ... until this route has no more. A failure other than that is returned, as is a root that is refused.
awaitable<result<void>> follow_roots(attempt& lane) {
  auto& state = lane.context.state;
  for (int step = 0; step < trust::max_root_steps; ++step) {
    const auto wanted = state.root()->version + 1;
    document_request request;
    request.type = trust::document_type::root;
    request.root_version = wanted;
    auto got = co_await fetch(lane, request);
    if (!got) {
      if (is_absent(got.error())) break;
      co_return got.error();
    }
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) co_return base::fail(outcome::cancelled);
    if (state.root()->version >= wanted) continue; // another lane brought it meanwhile
    lane.progress(stage::verify);
    auto events = state.offer_root(*got, lane.context.clock.wall());
    if (!events) co_return events.error();
    tell_all(lane, *events);
  }
  co_return result<void>{};
}

awaitable<result<trust::verdict>> fetch_and_verify(attempt& lane) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  auto& state = lane.context.state;
  if (lane.task.roots_first) {
    const auto followed = co_await follow_roots(lane);
    if (!followed) co_return followed.error();
  }
  document_request request;
  request.unless = lane.task.unless;
  const auto got = co_await fetch(lane, request);
  if (!got) co_return got.error();
  lane.in_parts = got->in_parts;
  // A lane that was told to stop must not change what we believe after its race was decided.
  const bool cancelled = co_await net::was_cancelled();
  if (cancelled) co_return base::fail(outcome::cancelled);
  lane.progress(stage::verify);
  const auto judged_by = state.root()->version;
  auto verdict = state.offer_list(*got, lane.context.clock.wall());
  if (wants_newer_root(verdict.what)) {
    const auto followed = co_await follow_roots(lane);
    if (!followed) co_return followed.error();
    const bool stopped = co_await net::was_cancelled();
    if (stopped) co_return base::fail(outcome::cancelled);
    lane.progress(stage::verify);
    if (state.root()->version != judged_by) verdict = state.offer_list(*got, lane.context.clock.wall());
  }
  tell_all(lane, verdict.events);
  if (verdict.adopted) lane.context.watch.list_adopted(verdict.tier != trust::tier::a);
  co_return verdict;
}

/// Design §5, resume: parts of two lists that were published one after the other verify as neither. Once more, from
/// zero.
awaitable<result<trust::verdict>> fetch_and_verify_whole(attempt& lane) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  auto first = co_await fetch_and_verify(lane);
  const bool torn =
      first && lane.in_parts && (first->what == outcome::below_threshold || first->what == outcome::malformed);
  const bool cancelled = co_await net::was_cancelled();
  if (!torn || cancelled) co_return first;
  auto second = co_await fetch_and_verify(lane);
  co_return second;
}

void describe(lane_report& report, const result<trust::verdict>& ended, stage reached) {
  if (ended) {
    report.outcome = ended->what;
    report.stage = stage::verify;
    report.tier = ended->tier;
    report.adopted = ended->adopted;
    report.error = ended->detail;
  } else {
    report.outcome = ended.error().what;
    report.stage = ended.error().at == stage::none ? reached : ended.error().at;
    report.code = ended.error().code;
    report.error = ended.error().detail;
    report.where = ended.error().where;
  }
  if (report.outcome == outcome::won)
    report.error.clear();
  else if (report.error.empty())
    report.error = base::explain(report.outcome);
}

} // namespace

awaitable<lane_report> run_lane(route what, lane_context context, lane_task task, std::chrono::milliseconds whole,
                                net::progress_fn progress) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  lane_report report;
  report.route = what.name;
  report.kind = what.kind;
  report.group = what.group;
  const auto begun = context.clock.steady();
  attempt lane{std::move(what), context, task, std::move(progress)};
  const auto ended = co_await net::with_deadline(fetch_and_verify_whole(lane), whole, stage::none);
  describe(report, ended, lane.reached);
  report.given_up = std::move(lane.given_up);
  report.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(context.clock.steady() - begun);
  report.dates_ignored = lane.ignores_dates;
  if (lane.ignores_dates && !report.tier) context.dates->taken = false;
  co_return report;
}

std::chrono::milliseconds whole_deadline(std::string_view kind, const config::lane_deadlines& deadlines) noexcept {
  return kind == "onion" ? deadlines.onion : deadlines.whole;
}

} // namespace landfall::fallback
