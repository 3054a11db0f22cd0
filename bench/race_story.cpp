#include "bench/race_story.hpp"

#include "fallback/rank.hpp"

#include <algorithm>

namespace landfall::bench {

namespace {

constexpr base::unix_time begin_of_time = 1'795'132'800; // any day
constexpr double jitter = 0.5;                           // of a backoff

base::unix_time wall(nanoseconds at) {
  return begin_of_time + std::chrono::duration_cast<std::chrono::seconds>(at).count();
}

fallback::route as_route(const race_route& from) {
  fallback::route out;
  out.name = from.name;
  out.kind = from.kind;
  out.group = from.name; // no two of the set share a host
  out.tier = from.tier;
  const bool fronted = from.kind == "fronted";
  for (const auto& to : from.targets)
    if (fronted) out.places.push_back({to.as.server.host.text(), to.as.server.port, to.as.sni});
  out.seen = fallback::visibility{fallback::cost::quiet, !fronted, false};
  return out;
}

/// What the penalty falls on, as text; nothing for those that fall on nobody.
std::string scope_of(const race_route& route, const leg& what, base::penalty_scope on) {
  switch (on) {
  case base::penalty_scope::nobody: return {};
  case base::penalty_scope::route:
  case base::penalty_scope::route_on_network: return "route " + route.name;
  case base::penalty_scope::front: return "front " + what.where.front;
  case base::penalty_scope::address: return "address " + what.where.address;
  case base::penalty_scope::address_and_port:
    return "port " + what.where.address + " " + std::to_string(what.where.port);
  }
  return {};
}

/// One race of a story.
class chapter {
public:
  chapter(story& of, const std::vector<race_route>& routes, censor::world& world, const censor::model_path& path,
          nanoseconds at)
      : story_(of), routes_(routes), world_(world), path_(path), at_(at), names_(world, path),
        live_(of.memory.penalised()) {
    for (const auto& one : routes_) as_.push_back(as_route(one));
  }

  race_log run(std::uint64_t seed) {
    std::vector<fallback::entrant> entrants;
    for (auto& one : fallback::rank(as_, story_.memory, here_, story_.settings.exposure, wall(at_))) {
      if (one.waits) ++story_.held_back;
      if (one.waits || one.why == fallback::standing::left_out) continue;
      entrants.push_back(std::move(one.as));
      order_.push_back(one.route);
    }
    fallback::schedule plan(std::move(entrants), story_.settings, seed);
    auto out = run_race(
        plan, [this](std::size_t lane, nanoseconds at) { return begin(order_[lane], at); },
        [this](std::size_t lane, const lane_course& course) { return report(order_[lane], course); },
        [this](std::size_t lane, const fallback::lane_report& report, nanoseconds at) {
          end(order_[lane], report, at);
        });
    for (auto& one : out.lanes) {
      one.lane = order_[one.lane];
      account(one);
    }
    if (out.winner) out.winner = order_[*out.winner];
    for (const auto& one : plan.reports())
      for (const auto& what : as_)
        if (what.name == one.route) story_.memory.record(here_, what, one, wall(at_ + out.finished), jitter);
    return out;
  }

private:
  lane_course begin(std::size_t route, nanoseconds at) {
    if (const auto waits = live_.of(here_, as_[route], wall(at_ + at))) {
      penalised_[route] = waits->until;
      ++story_.held_back;
      return {};
    }
    const auto avoid = [this, at](const base::place& where) {
      const bool out = live_.avoids(here_, where, wall(at_ + at));
      if (out) ++story_.held_back;
      return out;
    };
    return course_of(routes_[route], world_, path_, at_ + at, avoid, names_);
  }

  fallback::lane_report report(std::size_t route, const lane_course& course) const {
    auto out = report_of(routes_[route], course);
    if (const auto waits = penalised_.find(route); waits != penalised_.end()) out.penalised_until = waits->second;
    return out;
  }

  void end(std::size_t route, const fallback::lane_report& report, nanoseconds at) {
    live_.apply(here_, as_[route], report, wall(at_ + at), jitter);
  }

  /// Contacts and failures of a lane, for the audit: its connections in order, as far as it got.
  void account(const ran& lane) {
    const auto& route = routes_[lane.lane];
    for (const auto& one : lane.course.legs) {
      if (one.resolver || one.begun >= lane.lasted) continue;
      story_.audit.contacted(route, one, at_ + lane.started + one.begun);
      const bool cut = one.ended > lane.lasted || (lane.cut_off && &one == &lane.course.legs.back());
      if (!cut && one.outcome != base::outcome::won) story_.audit.failed(route, one, at_ + lane.started + one.ended);
    }
  }

  story& story_;
  const std::vector<race_route>& routes_;
  censor::world& world_;
  const censor::model_path& path_;
  nanoseconds at_;
  resolvers names_;
  fallback::penalties live_;
  fallback::network_id here_ = story_.memory.network_of("home");
  std::vector<fallback::route> as_;
  std::vector<std::size_t> order_;
  std::map<std::size_t, base::unix_time> penalised_;
};

} // namespace

void penalty_audit::failed(const race_route& route, const leg& what, nanoseconds at) {
  const auto policy = base::policy_of(what.outcome);
  const auto on = scope_of(route, what, policy.penalised);
  if (on.empty()) return;
  // The least that any jitter makes of a backoff's first wait; whole seconds, as the wall clock has them.
  const auto pause = policy.backoff ? std::chrono::seconds(0) : policy.retry - std::chrono::seconds(1);
  auto& until = waits_[on];
  until = std::max<nanoseconds>(until, at + pause);
}

void penalty_audit::contacted(const race_route& route, const leg& what, nanoseconds at) {
  ++contacts;
  bool violated = false;
  using scope = base::penalty_scope;
  for (const auto on : {scope::route, scope::front, scope::address, scope::address_and_port}) {
    const auto waits = waits_.find(scope_of(route, what, on));
    violated = violated || (waits != waits_.end() && at < waits->second);
  }
  violations += violated ? 1 : 0;
}

race_log story::race(const std::vector<race_route>& routes, censor::world& world, const censor::model_path& path,
                     nanoseconds at, std::uint64_t seed) {
  return chapter(*this, routes, world, path, at).run(seed);
}

std::vector<milliseconds> prescribed_starts(const std::vector<race_route>& routes, std::uint64_t seed) {
  const fallback::network_memory nothing{base::secret(std::string(fallback::memory_secret_size, 'k'))};
  std::vector<fallback::route> as;
  for (const auto& one : routes) as.push_back(as_route(one));
  const config::fallback_settings settings;
  std::vector<fallback::entrant> entrants;
  std::vector<std::size_t> order;
  for (auto& one : fallback::rank(as, nothing, nothing.network_of("home"), settings.exposure, begin_of_time)) {
    entrants.push_back(std::move(one.as));
    order.push_back(one.route);
  }
  fallback::schedule plan(std::move(entrants), settings, seed);
  const auto silent = [](std::size_t, nanoseconds) {
    lane_course out;
    out.ends = censor::model_deadlines{}.whole;
    out.outcome = base::outcome::timed_out;
    return out;
  };
  const auto report = [&](std::size_t lane, const lane_course& course) {
    return report_of(routes[order[lane]], course);
  };
  const auto race = run_race(plan, silent, report, {});
  std::vector<milliseconds> out(routes.size());
  for (const auto& one : race.lanes) out[order[one.lane]] = std::chrono::duration_cast<milliseconds>(one.started);
  return out;
}

fallback::lane_report report_of(const race_route& route, const lane_course& course) {
  fallback::lane_report out;
  out.route = route.name;
  out.kind = route.kind;
  out.group = route.name;
  out.outcome = course.outcome;
  out.stage = course.stage;
  out.elapsed = course.ends;
  for (const auto& one : course.legs) {
    const bool last = course.outcome != base::outcome::cancelled && &one == &course.legs.back();
    if (one.resolver || last || one.outcome == base::outcome::won) continue;
    out.given_up.push_back(base::fail(one.outcome));
    out.given_up.back().where = one.where;
  }
  if (course.outcome == base::outcome::won) {
    out.tier = trust::tier::a;
    out.adopted = true;
  } else {
    out.where = course.where;
  }
  return out;
}

} // namespace landfall::bench
