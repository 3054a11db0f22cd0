// A publisher, a sidecar's state and routes made of fake closures, for tests that run real lanes on an io_context.
#pragma once

#include "fallback/race.hpp"
#include "net/deadline.hpp"
#include "tests/fakes/publisher.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/virtual_clock.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace landfall::fakes {

using namespace std::chrono_literals;
using fallback::document_request;
using fallback::lane_report;
using net::awaitable;
using net::result;
using trust::unverified_document;

inline constexpr auto for_ever = std::chrono::hours(1); ///< longer than any test may take

/// A server behind a route: what it answers to each request, after how long; what it was asked.
struct server {
  using answer = result<unverified_document>;
  std::function<answer(const document_request&)> answers;
  std::chrono::milliseconds list_after{0}, root_after{0};
  std::vector<base::stage> stages{base::stage::connect, base::stage::tls, base::stage::body};
  std::vector<document_request> asked;
  std::function<void()> on_asked;
  net::asio::steady_timer* waiting = nullptr; ///< before it answers
  bool released = false;

  /// What waits answers now, whatever its time.
  void release() {
    released = true;
    if (waiting) waiting->cancel();
  }
  int living = 0; ///< coroutines of this route
};

inline awaitable<result<unverified_document>> fetch_from(std::shared_ptr<server> from, document_request request,
                                                         net::progress_fn progress) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  const alive counted(from->living);
  from->asked.push_back(request);
  const auto pause = request.type == trust::document_type::list ? from->list_after : from->root_after;
  if (from->on_asked) from->on_asked();
  net::asio::steady_timer latency(co_await net::asio::this_coro::executor, pause);
  from->waiting = &latency;
  const auto [ec] = co_await latency.async_wait(net::as_result);
  from->waiting = nullptr;
  if (ec && !from->released) co_return base::fail(base::outcome::cancelled);
  for (const auto stage : from->stages) progress(stage);
  co_return from->answers(request);
}

inline fallback::route route_to(std::shared_ptr<server> to, std::string name, int tier = 1) {
  fallback::route out;
  out.name = std::move(name);
  out.kind = "https";
  out.tier = tier;
  out.fetch = [to](document_request request, net::progress_fn progress) {
    return fetch_from(to, std::move(request), std::move(progress));
  };
  return out;
}

/// Everything that an observer is told, as words: "start one", "verify one", "end one won", "event rollback one" ...
struct notes final : fallback::observer {
  std::vector<std::string> lines;
  std::vector<lane_report> ended;
  std::function<void()> on_race_ended, on_lane_ended;
  void race_started(std::uint64_t, std::size_t routes) override { lines.push_back("race " + std::to_string(routes)); }
  void lane_started(std::uint64_t, const fallback::route& what) override { lines.push_back("start " + what.name); }
  void lane_progress(std::uint64_t, const fallback::route& what, base::stage at) override {
    lines.push_back(std::string(base::name(at)) + " " + what.name);
  }
  void lane_ended(std::uint64_t, const lane_report& report) override {
    ended.push_back(report);
    lines.push_back("end " + report.route + " " + std::string(base::name(report.outcome)));
    if (on_lane_ended) on_lane_ended();
  }
  void race_ended(const fallback::race_result& ended_now) override {
    lines.push_back("won by " + ended_now.won.value_or("nobody"));
    if (on_race_ended) on_race_ended();
  }
  void trust_event(const trust::event& event, const std::string& route) override {
    lines.push_back("event " + event.name + " " + route);
  }
  void list_adopted(bool provisional) override { lines.push_back(provisional ? "provisional" : "adopted"); }

  [[nodiscard]] std::ptrdiff_t count(std::string_view line) const {
    return std::count(lines.begin(), lines.end(), line);
  }
};

/// One sidecar: its trust state, memory, clock, and the publisher whose network it is in.
struct sidecar {
  explicit sidecar(publisher who = publisher("testnet"))
      : publisher_(std::move(who)), state({publisher_.network(), publisher_.channel(), false, 0}, publisher_.anchor()) {
    settings.attempt_delay = 2ms;
    settings.tier_gap = 20ms;
  }

  [[nodiscard]] fallback::race_context context() {
    return {state, memory, clock, watch, settings, deadlines, 7, here, {}, {}, compare};
  }
  [[nodiscard]] fallback::lane_context lane() { return {state, clock, watch}; }

  /// A server of these documents; roots by version, beginning with 2. What it lacks is 404.
  [[nodiscard]] std::shared_ptr<server> serving(unverified_document list,
                                                std::vector<unverified_document> roots = {}) const {
    auto out = std::make_shared<server>();
    out->answers = [list = std::move(list),
                    roots = std::move(roots)](const document_request& request) -> server::answer {
      if (request.type == trust::document_type::list) return list;
      const auto index = static_cast<std::size_t>(request.root_version - 2);
      if (index >= roots.size()) return base::fail(base::outcome::http_status, "404", base::stage::request, 404);
      return roots[index];
    };
    return out;
  }
  [[nodiscard]] static std::shared_ptr<server> failing(base::outcome how, std::chrono::milliseconds after = 0ms) {
    auto out = std::make_shared<server>();
    out->answers = [how](const document_request&) -> server::answer { return base::fail(how, "as told"); };
    out->list_after = after;
    return out;
  }
  /// Never answers.
  [[nodiscard]] static std::shared_ptr<server> hanging() { return failing(base::outcome::refused, for_ever); }

  /// What is remembered of a route that route_to made.
  [[nodiscard]] static fallback::route called(std::string name) {
    fallback::route out;
    out.name = std::move(name);
    out.kind = "https";
    return out;
  }
  [[nodiscard]] bool penalised(std::string route, base::unix_time at) const {
    return memory.waits(here, called(std::move(route)), at).has_value();
  }
  [[nodiscard]] const fallback::route_record* record(std::string route) const {
    return memory.record_of(here, called(std::move(route)));
  }

  publisher publisher_;
  trust::state state;
  fallback::network_memory memory{base::secret(std::string(fallback::memory_secret_size, 'k'))};
  fallback::network_id here = memory.network_of("home");
  std::chrono::milliseconds compare{0};
  fixed_wall clock{now};
  notes watch;
  config::fallback_settings settings;
  config::lane_deadlines deadlines;
};

/// A race to its end, which must not be cancelled.
inline fallback::race_result race(sidecar& s, std::vector<fallback::route> routes, fallback::epoch_fn epoch = {}) {
  auto context = s.context();
  context.epoch = std::move(epoch);
  auto out = run(fallback::race_routes(1, std::move(routes), context));
  REQUIRE(out.has_value());
  return std::move(*out);
}

inline const lane_report& of(const fallback::race_result& from, std::string_view route) {
  for (const auto& lane : from.lanes)
    if (lane.route == route) return lane;
  REQUIRE_MESSAGE(false, "no report of that route");
  return from.lanes.front();
}

} // namespace landfall::fakes
