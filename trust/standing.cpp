#include "trust/standing.hpp"

#include "trust/limits.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::trust {

using base::outcome;

std::string_view name(tier value) noexcept {
  switch (value) {
  case tier::a: return "A";
  case tier::a_minus: return "A-";
  case tier::b: return "B";
  case tier::c: return "C";
  }
  return "C";
}

base::unix_time known_time::now() const noexcept { return std::max({wall, build, accepted}); }

tier tier_of(const peer_list& list, const root& current, base::unix_time now) noexcept {
  if (now > list.expires + expired_but_useful) return tier::c;
  if (now > list.expires || now > current.expires) return tier::b;
  return now > list.fresh_until ? tier::a_minus : tier::a;
}

bool ended_by(const root& current, const peer_list& list) noexcept {
  return list.order < list_order{.epoch = current.epoch, .version = current.min_version};
}

namespace {

std::string text(const list_order& order) { return fmt::format("({}, {})", order.epoch, order.version); }

standing refused(standing out, outcome what, std::string detail) {
  out.what = what;
  out.detail = std::move(detail);
  return out;
}

standing adopted(standing out) {
  out.adopt = true;
  switch (out.tier) {
  case tier::a: out.what = outcome::won; break;
  case tier::a_minus:
  case tier::b:
    out.what = outcome::verified_but_older;
    out.detail = "authentic but no longer fresh; taken until a fresher one comes";
    break;
  case tier::c:
    out.what = outcome::expired;
    out.detail = "authentic but long expired; taken for want of a better one";
    break;
  }
  return out;
}

bool at(const std::optional<floor>& f, const list_order& order) { return f && f->has_id && f->order == order; }

} // namespace

standing judge(const verified<peer_list>& list, const verified<root>& current, const std::optional<floor>& stored,
               const std::optional<floor>& compiled, const known_time& time, bool in_hand) {
  const auto now = time.now();
  const auto& order = list->order;
  standing out;
  out.tier = tier_of(*list, *current, now);
  out.clock_behind = list->issued > now;
  if (ended_by(*current, *list))
    return refused(out, outcome::rolled_back,
                   fmt::format("list {}, root {} ends all below {}", text(order), current->version,
                               text({.epoch = current->epoch, .version = current->min_version})));
  if (compiled && order < compiled->order)
    return refused(out, outcome::rolled_back,
                   fmt::format("list {}, this release came with {}", text(order), text(compiled->order)));
  if (stored && order < stored->order) {
    const bool lagging = now <= list->fresh_until;
    return refused(out, lagging ? outcome::verified_but_older : outcome::rolled_back,
                   fmt::format("list {}, we have had {}", text(order), text(stored->order)));
  }
  for (const auto* const floor : {&stored, &compiled}) {
    if (!at(*floor, order)) continue;
    if ((*floor)->id != list.id())
      return refused(out, outcome::equivocation,
                     fmt::format("list {} is {} here and {} there", text(order), (*floor)->id.hex(), list.id().hex()));
    if (in_hand) return refused(out, outcome::verified_same, "");
  }
  return adopted(out);
}

} // namespace landfall::trust
