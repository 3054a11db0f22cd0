#include "fallback/rank.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace landfall::fallback {

namespace {

using namespace std::chrono_literals;

/// What a proven winner has for itself alone. A fetch that worked before takes 0.2 to 1 s even far away.
constexpr std::chrono::milliseconds head_start = 1s;
/// Under `quiet`: beyond every tier of the configuration (1 to 9).
constexpr int behind_all = 100;

/// Tenths: what differs by less is noise, and noise must not overrule the order of the file.
int tenths(double odds) { return static_cast<int>(std::lround(odds * 10)); }

/// Steps of a quarter: what differs by less is noise too.
int steps(double ms) { return static_cast<int>(std::floor(std::log(std::max(ms, 1.0)) / std::log(1.25))); }

/// Without a time: as if a second.
double usual_ms(const odds& of) { return static_cast<double>(of.median_ms.value_or(1000)); }

/// What going first costs: its usual time when it works, the others' waiting when it does not. By failures and not by
/// odds, which grow with every win: who was compared once would never go before who has won often, however much
/// quicker.
double cost_of_waiting(const odds& of) {
  const double fails = of.failures / (of.wins + of.failures + 1);
  return (1 - fails) * usual_ms(of) + fails * static_cast<double>(head_start.count());
}

/// By a tenth, and by more than either of them varies.
bool clearly_quicker(const odds& one, const odds& other) {
  const auto spread = static_cast<double>(std::max(one.spread_ms.value_or(0), other.spread_ms.value_or(0)));
  const double theirs = cost_of_waiting(other);
  return cost_of_waiting(one) < theirs - std::max(theirs / 10, spread);
}

entrant entrant_of(const route& what, config::exposure exposure) {
  const auto seen = visibility_of(what);
  entrant out;
  out.group = what.group;
  out.kind = what.kind;
  out.conspicuous = seen.cost != cost::quiet;
  out.shows_name = seen.shows_name;
  out.plain_lookup = seen.plain_lookup;
  out.places = what.places;
  // Two to a tier: the quiet ones of a tier, then, under `balanced`, the others.
  out.tier = what.tier * 2;
  if (out.conspicuous && exposure == config::exposure::balanced) out.tier += 1;
  if (out.conspicuous && exposure == config::exposure::quiet) out.tier += behind_all;
  return out;
}

standing standing_of(const ranked& one, config::exposure exposure) {
  constexpr int even = 5;
  const int odds = tenths(one.odds.of_winning());
  if (odds > even) return standing::favoured;
  if (odds < even) return standing::doubted;
  return one.as.conspicuous && exposure != config::exposure::fast ? standing::held_back : standing::configured;
}

bool before(const ranked& a, const ranked& b, config::exposure exposure) {
  const auto key = [exposure](const ranked& r) {
    const bool named = exposure == config::exposure::quiet && r.as.shows_name;
    return std::tuple(r.why == standing::left_out, r.as.tier, named, -tenths(r.odds.of_winning()),
                      steps(usual_ms(r.odds)), r.route);
  };
  return key(a) < key(b);
}

/// Of the proven ones that may go first, the first in `all`, which is sorted, that none behind it is clearly quicker
/// than.
std::vector<ranked>::iterator winner_among(std::vector<ranked>& all, config::exposure exposure) {
  const bool quiet_ones = std::ranges::any_of(
      all, [](const ranked& r) { return !r.waits && r.why != standing::left_out && !r.as.conspicuous; });
  auto best = all.end();
  for (auto one = all.begin(); one != all.end(); ++one) {
    if (one->waits || one->why == standing::left_out || !one->odds.proven()) continue;
    if (exposure == config::exposure::quiet && one->as.conspicuous && quiet_ones) continue;
    if (best == all.end() || clearly_quicker(one->odds, best->odds)) best = one;
  }
  return best;
}

} // namespace

std::string_view name(standing value) noexcept {
  switch (value) {
  case standing::configured: return "configured";
  case standing::proven: return "proven";
  case standing::favoured: return "favoured";
  case standing::doubted: return "doubted";
  case standing::held_back: return "held_back";
  case standing::left_out: return "left_out";
  }
  return "";
}

std::string_view explain(standing value) noexcept {
  switch (value) {
  case standing::configured: return "as the configuration orders it";
  case standing::proven: return "it worked on this network: first, a second ahead of the others";
  case standing::favoured: return "it works better than most on this network: before others of its tier";
  case standing::doubted: return "it failed on this network: behind others of its tier";
  case standing::held_back: return "it stands out to an observer: after quieter ones";
  case standing::left_out: return "it would say in plain what it is for: never under exposure 'quiet'";
  }
  return "";
}

std::vector<ranked> rank(std::span<const route> routes, const network_memory& memory, const network_id& here,
                         config::exposure exposure, base::unix_time now) {
  std::vector<ranked> out;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    ranked one{i, entrant_of(routes[i], exposure), standing::configured, memory.waits(here, routes[i], now),
               memory.odds_of(here, routes[i], now)};
    const bool telling = visibility_of(routes[i]).cost == cost::telling;
    one.as.timed = one.odds.median_ms.has_value();
    one.why = telling && exposure == config::exposure::quiet ? standing::left_out : standing_of(one, exposure);
    out.push_back(std::move(one));
  }
  std::ranges::sort(out, [exposure](const ranked& a, const ranked& b) { return before(a, b, exposure); });
  const auto winner = winner_among(out, exposure);
  if (winner == out.end()) return out;
  winner->why = standing::proven;
  winner->as.head_start = head_start;
  for (const auto& other : out)
    if (!other.waits && other.why != standing::left_out) winner->as.tier = std::min(winner->as.tier, other.as.tier);
  std::rotate(out.begin(), winner, winner + 1);
  return out;
}

} // namespace landfall::fallback
