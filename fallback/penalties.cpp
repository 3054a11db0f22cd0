#include "fallback/penalties.hpp"

#include <algorithm>
#include <cmath>

namespace landfall::fallback {

namespace {

using base::penalty_scope;

constexpr int max_failures = 1'000'000; // in a row; far beyond what changes anything

/// 1, 2, 4 ... 60 s, of which the jitter takes up to a half, rounded up.
base::unix_time backoff(std::chrono::seconds first, int failures, double jitter) {
  auto wait = first;
  for (int i = 1; i < failures && wait < base::max_backoff; ++i) wait *= 2;
  wait = std::min(wait, base::max_backoff);
  return static_cast<base::unix_time>(std::ceil(static_cast<double>(wait.count()) * (0.5 + jitter / 2)));
}

std::optional<wait> later(std::optional<wait> a, std::optional<wait> b) {
  if (!a || !b) return a ? a : b;
  return a->until < b->until ? b : a;
}

/// The part of a route's known places that leads to `where` only through a name.
enum class known_by : std::uint8_t { address, front, nothing };

known_by how_known(const route& what, const base::place& where) {
  auto out = known_by::nothing;
  for (const auto& place : what.places) {
    if (place.address == where.address) return known_by::address;
    if (place.address.empty() && !place.front.empty() && place.front == where.front) out = known_by::front;
  }
  return out;
}

} // namespace

bool is_success(base::outcome what) noexcept {
  using enum base::outcome;
  return what == won || what == verified_same || what == verified_but_older || what == not_modified;
}

std::string_view name(base::penalty_scope value) noexcept {
  switch (value) {
  case penalty_scope::nobody: return "nobody";
  case penalty_scope::route: return "route";
  case penalty_scope::route_on_network: return "route_on_network";
  case penalty_scope::front: return "front";
  case penalty_scope::address: return "address";
  case penalty_scope::address_and_port: return "address_and_port";
  }
  return "";
}

std::vector<memory_key> penalties::struck(const network_id& here, const route& what,
                                          const std::optional<base::place>& where, const base::policy& policy) const {
  const auto the_route = keys_->route(here, what);
  switch (policy.penalised) {
  case penalty_scope::nobody: return {};
  case penalty_scope::route: return {policy.backoff ? the_route : keys_->route_everywhere(what)};
  case penalty_scope::route_on_network: return {the_route};
  case penalty_scope::front:
    if (!where || where->front.empty()) return {the_route};
    return {keys_->front(here, *where)};
  case penalty_scope::address:
  case penalty_scope::address_and_port: break;
  }
  if (!where || where->address.empty()) return {the_route};
  std::vector<memory_key> out{policy.penalised == penalty_scope::address ? keys_->address(here, *where)
                                                                         : keys_->address_and_port(here, *where)};
  const auto known = how_known(what, *where);
  if (known == known_by::front) out.push_back(keys_->front(here, *where));
  if (known == known_by::nothing) out.push_back(the_route);
  return out;
}

void penalties::apply(const network_id& here, const route& what, const lane_report& report, base::unix_time now,
                      double jitter) {
  for (const auto& why : report.given_up) strike(here, what, why, now, jitter);
  if (is_success(report.outcome)) {
    all_.erase(keys_->route(here, what));
    all_.erase(keys_->route_everywhere(what));
  } else {
    auto why = base::fail(report.outcome);
    why.where = report.where;
    strike(here, what, why, now, jitter);
  }
}

void penalties::strike(const network_id& here, const route& what, const base::failure& why, base::unix_time now,
                       double jitter) {
  const auto policy = base::policy_of(why.what);
  for (const auto& key : struck(here, what, why.where, policy)) {
    auto& entry = all_[key];
    entry.failures = std::min(entry.failures + 1, max_failures);
    const auto pause = policy.backoff ? backoff(policy.retry, entry.failures, jitter) : policy.retry.count();
    // A place may wait for a longer reason already.
    if (entry.waits.until < now + pause) entry.waits = {now + pause, why.what, policy.penalised};
  }
  bound();
}

std::optional<wait> penalties::at(const memory_key& key, base::unix_time now) const {
  const auto found = all_.find(key);
  if (found == all_.end() || now >= found->second.waits.until) return std::nullopt;
  return found->second.waits;
}

std::optional<wait> penalties::of_place(const network_id& here, const base::place& where, base::unix_time now) const {
  std::optional<wait> out;
  if (!where.front.empty()) out = at(keys_->front(here, where), now);
  if (where.address.empty()) return out;
  out = later(out, at(keys_->address(here, where), now));
  return later(out, at(keys_->address_and_port(here, where), now));
}

bool penalties::avoids(const network_id& here, const base::place& where, base::unix_time now) const {
  return of_place(here, where, now).has_value();
}

std::optional<wait> penalties::of(const network_id& here, const route& what, base::unix_time now) const {
  const auto own = later(at(keys_->route(here, what), now), at(keys_->route_everywhere(what), now));
  std::optional<wait> first; // of its places, the one that is free first
  for (const auto& place : what.places) {
    const auto waits = of_place(here, place, now);
    if (!waits) return own;
    if (!first || waits->until < first->until) first = waits;
  }
  return later(own, first);
}

void penalties::cap(base::unix_time now) {
  for (auto& [key, entry] : all_) {
    const auto policy = base::policy_of(entry.waits.why);
    const auto longest = policy.backoff ? base::max_backoff : std::min(policy.retry, longest_penalty);
    entry.waits.until = std::min(entry.waits.until, now + longest.count());
  }
}

void penalties::bound() {
  while (all_.size() > max_penalties)
    all_.erase(std::min_element(all_.begin(), all_.end(), [](const auto& a, const auto& b) {
      return a.second.waits.until < b.second.waits.until;
    }));
}

void penalties::restore(entries from, base::unix_time now) {
  all_ = std::move(from);
  bound();
  cap(now);
}

} // namespace landfall::fallback
