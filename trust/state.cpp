#include "trust/state.hpp"

#include "trust/publish.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::trust {

using base::outcome;

namespace {

constexpr std::size_t max_evidence = 4;

/// A route may lag behind a list's end by this much before it is called frozen: publishers and caches are slow at
/// times.
constexpr base::unix_time frozen_after = 24 * 3600;

verdict failed(const base::failure& why) {
  verdict out;
  out.what = why.what;
  out.detail = why.detail;
  return out;
}

event told(std::string_view name, std::string detail) {
  return {.name = std::string(name), .detail = std::move(detail)};
}

} // namespace

state::state(identity who, verified<trust::root> anchor) : who_(std::move(who)) {
  roots_.push_back(std::move(anchor));
  learn_time(root()->issued);
}

known_time state::time(base::unix_time wall) const noexcept {
  return {.wall = wall, .build = who_.build, .accepted = accepted_};
}

std::optional<trust::tier> state::tier(base::unix_time wall) const {
  if (!list_) return std::nullopt;
  return list_is_seed_ ? trust::tier::c : tier_of(**list_, *root(), time(wall).now());
}

/// A signed time is no later than the end of the root that vouches for its signers, so that stolen list keys cannot
/// make everything look expired for ever.
void state::learn_time(base::unix_time issued) { accepted_ = std::max(accepted_, std::min(issued, root()->expires)); }

base::result<std::vector<event>> state::offer_root(const unverified_document& document, base::unix_time wall) {
  auto next = verify_next_root(root(), document);
  if (!next) return next.error();
  const bool clock_behind = (*next)->issued > time(wall).now();
  const bool new_epoch = (*next)->epoch > root()->epoch;
  roots_.push_back(*std::move(next));
  if (new_epoch) accepted_ = 0;
  for (const auto& each : roots_) accepted_ = std::max(accepted_, each->issued);
  std::vector<event> events;
  if (clock_behind)
    events.push_back(told("clock_behind", "a root of later than this machine's clock says was accepted"));
  auto detail = fmt::format("root {}", root()->version);
  if (list_ && ended_by(*root(), **list_)) {
    list_.reset();
    list_is_seed_ = false;
    list_root_ = 0;
    detail += "; it ended the list in hand";
  }
  events.push_back(told("root_adopted", std::move(detail)));
  return events;
}

void state::take(verified<peer_list> list, bool is_seed) {
  learn_time(list->issued);
  list_ = std::move(list);
  list_is_seed_ = is_seed;
  list_root_ = root()->version;
}

void state::keep_evidence(const verified<peer_list>& other) {
  const auto keep = [this](const std::string& envelope, const crypto::digest& id) {
    const auto is_known = [&](const std::string& kept) {
      const auto peeked = dangerously_peek(kept);
      return peeked && crypto::sha256(peeked->payload) == id;
    };
    if (std::ranges::none_of(evidence_, is_known)) evidence_.push_back(envelope);
  };
  if (list_ && (*list_)->order == other->order) keep(list_->envelope(), list_->id());
  keep(other.envelope(), other.id());
  if (evidence_.size() > max_evidence) evidence_.erase(evidence_.begin(), evidence_.end() - max_evidence);
}

verdict state::offer_list(const unverified_document& document, base::unix_time wall) {
  auto list = verify_list(root(), document, who_.channel, who_.lab);
  if (!list) return failed(list.error());
  const auto known = time(wall);
  const bool in_hand = list_ && !list_is_seed_ && list_->id() == list->id();
  auto judged = judge(*list, root(), floor_, compiled_floor_, known, in_hand);
  verdict out{.what = judged.what, .tier = judged.tier, .adopted = judged.adopt, .detail = judged.detail, .events = {}};
  const auto order = fmt::format("list ({}, {})", (*list)->order.epoch, (*list)->order.version);
  const bool authentic_and_ours = judged.adopt || judged.what == outcome::verified_same;
  if (judged.what == outcome::rolled_back) out.events.push_back(told("rollback", judged.detail));
  if (judged.what == outcome::equivocation) {
    keep_evidence(*list);
    out.events.push_back(told("equivocation", judged.detail));
  }
  if (authentic_and_ours && known.now() > (*list)->expires + frozen_after)
    out.events.push_back(told("frozen", order + " expired long ago, and the route has nothing newer"));
  if (judged.adopt) {
    if (judged.clock_behind)
      out.events.push_back(told("clock_behind", order + " was issued later than this machine's clock says"));
    floor_ = floor{.order = (*list)->order, .id = list->id(), .has_id = true};
    take(*std::move(list), false);
    out.events.push_back(told("list_adopted", fmt::format("{}, tier {}", order, name(judged.tier))));
  }
  return out;
}

verdict state::offer_seed(const unverified_document& document) {
  auto list = verify_list(root(), document, who_.channel, who_.lab);
  if (!list) return failed(list.error());
  const auto judged = [](outcome what, bool adopted, const char* detail) {
    return verdict{.what = what, .tier = trust::tier::c, .adopted = adopted, .detail = detail, .events = {}};
  };
  if (ended_by(*root(), **list))
    return judged(outcome::rolled_back, false, "a newer root has ended the list that came with this release");
  const auto order = (*list)->order;
  if (!compiled_floor_ || compiled_floor_->order < order)
    compiled_floor_ = floor{.order = order, .id = list->id(), .has_id = true};
  if (list_ && order <= (*list_)->order) {
    const bool same = list_->id() == list->id();
    return judged(same ? outcome::verified_same : outcome::verified_but_older, false, "");
  }
  take(*std::move(list), true);
  return judged(outcome::expired, true, "came with this release");
}

void state::restore(const floor& stored, base::unix_time accepted_time, std::vector<std::string> evidence) {
  if (!floor_ || floor_->order < stored.order) floor_ = stored;
  learn_time(accepted_time);
  evidence.insert(evidence.end(), evidence_.begin(), evidence_.end());
  if (evidence.size() > max_evidence) evidence.erase(evidence.begin(), evidence.end() - max_evidence);
  evidence_ = std::move(evidence);
}

} // namespace landfall::trust
