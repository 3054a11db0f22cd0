#include "sidecar/engine.hpp"

#include "base/log.hpp"
#include "fallback/rank.hpp"
#include "net/deadline.hpp"
#include "net/socket.hpp"
#include "sidecar/tunnels.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::sidecar {

using base::result;
using net::awaitable;
using namespace std::chrono_literals;

namespace {

/// The wall clock may be set, and the machine may sleep: the driver looks again at least this often.
constexpr std::chrono::minutes longest_sleep = 5min;
constexpr std::chrono::milliseconds shortest_sleep = 1ms;
/// What is signed, and this program, were made at some time: a clock before that by more than time zones and drift
/// explain is wrong, and somebody should know. Nothing depends on it: known time does (trust/standing.hpp).
constexpr std::chrono::seconds clock_tolerance = 1h;
/// Outcomes come in bursts: one write for all of them.
constexpr std::chrono::seconds book_delay = 5s;

/// Peers expire with their list: looked at again at least this often.
constexpr std::chrono::seconds gate_age = 60s;

/// Design §9: what says in plain what it is for is never used under `quiet`.
void leave_out_telling(route_set& routes) {
  for (const auto& route : routes.usable) {
    if (fallback::visibility_of(route).cost != fallback::cost::telling) continue;
    for (auto& shown : routes.known)
      if (shown.name == route.name) shown.off = fallback::explain(fallback::standing::left_out);
  }
  std::erase_if(routes.usable, [](const fallback::route& route) {
    return fallback::visibility_of(route).cost == fallback::cost::telling;
  });
}

bool ended_by_itself(const fallback::lane_report& lane) { return lane.outcome != base::outcome::cancelled; }

std::uint64_t random_seed() { return crypto::random_below(std::numeric_limits<std::uint64_t>::max()); }

} // namespace

result<std::unique_ptr<engine>> engine::open(net::asio::any_io_executor executor, config::settings settings,
                                             const base::clock& clock, engine_options options) {
  const net::socket_options sockets{settings.sidecar.fwmark, settings.sidecar.interface};
  if (auto able = net::check(sockets); !able) return able.error();
  auto held = holdings::open(settings, clock, options.demo);
  if (!held) return held.error();
  return std::unique_ptr<engine>(new engine(executor, std::move(settings), clock, options, std::move(*held)));
}

engine::engine(net::asio::any_io_executor executor, config::settings settings, const base::clock& clock,
               engine_options options, std::unique_ptr<holdings> held)
    : settings_(std::move(settings)), clock_(clock), options_(options), held_(std::move(held)), events_(clock),
      watch_(
          events_, [this](const trust::event& happened) { on_trust(happened); },
          [this](bool provisional) { on_adopted(provisional); },
          [this](const fallback::race_result& ended) { last_race_ = ended; }),
      system_network_(options.network ? nullptr : net::system_network(executor, settings_.sidecar.interface)),
      where_(events_, options.network ? *options.network : *system_network_, held_->memory,
             !settings_.network.lab && settings_.sidecar.upstream_proxy.reveal().empty(),
             [this](const std::string& about, std::string text) { held_->warn(about, std::move(text)); }),
      through_(executor, settings_, clock_,
               [this](std::string_view transport, std::string_view what, std::string detail) {
                 events_.publish("transport",
                                 {{"transport", transport}, {"what", what}, {"detail", std::move(detail)}});
               }),
      poked_(executor), changed_(executor), selection_seed_(random_seed()), pace_(clock.steady(), random_seed()) {
  held_->on_complaint([this](const std::string& text) { events_.publish("local_error", {{"detail", text}}); });
  if (settings_.hints.lan != "off") held_->warn("lan", "hints.lan: this version does not look for peers on the LAN");
  if (settings_.hints.dht_get_peers)
    held_->warn("dht", "hints.dht_get_peers: this version does not ask the DHT for peers");
  refresh_routes();
}

awaitable<void> engine::run() {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await net::asio::this_coro::executor;
  net::scope beside(executor);
  beside.spawn(where_.watch([this] { on_network(); }));
  beside.spawn(through_.run());
  auto driving = drive();
  co_await std::move(driving);
  beside.cancel();
  co_await beside.join();
}

awaitable<void> engine::drive() {
  for (bool cancelled = false; !stopping_ && !cancelled; cancelled = co_await net::was_cancelled()) {
    held_->memory.cap(clock_.wall());
    look_at_clock();
    if (options_.one_race && (raced_ || !needs_race())) break;
    const auto now = clock_.steady();
    const auto step = pace_.next(now, facts());
    if (step.what == pace::act::race) {
      co_await race();
    } else if (step.what == pace::act::poll) {
      co_await poll();
    } else {
      auto until = std::min(step.until, now + longest_sleep);
      if (book_dirty_since_) until = std::min(until, *book_dirty_since_ + book_delay);
      const auto pause = std::max<base::steady_time::duration>(until - now, shortest_sleep);
      (void)co_await net::with_deadline(poked_.wait(), pause, base::stage::none);
    }
    save_book_if_due(false);
  }
  save_book_if_due(true);
}

void engine::stop() {
  stopping_ = true;
  poked_.notify();
  changed_.notify();
}

fallback::race_context engine::context() {
  return {held_->trust,
          held_->memory,
          clock_,
          watch_,
          settings_.fallback,
          config::lane_deadlines{},
          random_seed(),
          where_.here(),
          where_.gateway(),
          [this] { return where_.epoch(); }};
}

awaitable<void> engine::race() {
  handed_.clear();
  ++race_number_;
  auto ended = co_await fallback::race_routes(race_number_, routes_.usable, context());
  through_.names.close_connections();
  const bool cut = ended && ended->interrupted;
  raced_ = !cut;
  if (ended) {
    if (!cut && std::ranges::any_of(ended->lanes, ended_by_itself)) where_.judged(ended->verdict);
    last_race_ = std::move(*ended);
  }
  held_->save_memory();
  refresh_routes();
  if (cut)
    pace_.interrupted(clock_.steady());
  else
    pace_.raced(clock_.steady(), facts());
  changed_.notify();
}

const fallback::route* engine::route_to_poll() const {
  const auto wall = clock_.wall();
  const auto conspicuous = [](const fallback::route* route) {
    return fallback::visibility_of(*route).cost != fallback::cost::quiet;
  };
  std::vector<const fallback::route*> free;
  for (const auto& route : routes_.usable)
    if (!held_->memory.waits(where_.here(), route, wall)) free.push_back(&route);
  // A poll is no reason to be noticed, where somebody wants not to be.
  if (settings_.fallback.exposure == config::exposure::quiet && !std::ranges::all_of(free, conspicuous))
    std::erase_if(free, conspicuous);
  // Nor to start tor, as long as others answer.
  const auto program = [](const fallback::route* route) { return fallback::may_start_program(route->kind); };
  if (!std::ranges::all_of(free, program)) std::erase_if(free, program);
  std::set<std::string> kinds;
  for (const auto* route : free) kinds.insert(route->kind);
  const auto kind = pace_.kind_to_poll(kinds);
  std::erase_if(free, [&kind](const fallback::route* route) { return route->kind != kind; });
  return free.empty() ? nullptr : free[crypto::random_below(free.size())];
}

awaitable<void> engine::poll() {
  const auto* route = route_to_poll();
  const bool roots_first = pace_.polled(clock_.steady(), route ? route->kind : std::string());
  if (route == nullptr) co_return;
  const auto report = co_await fallback::poll_route(*route, context(), roots_first);
  through_.names.close_connections();
  base::log(base::level::debug, "poll of {}: {}", report.route, base::name(report.outcome));
  held_->save_memory();
  refresh_routes();
  changed_.notify();
}

void engine::refresh_routes() {
  const auto& list = held_->trust.list();
  routes_ = make_routes(settings_, list ? &**list : nullptr, through_);
  if (settings_.fallback.exposure == config::exposure::quiet) leave_out_telling(routes_);
  for (const auto& route : routes_.known)
    held_->warn("off-" + route.name,
                route.off.empty() ? route.off : fmt::format("route {} is off: {}", route.name, route.off));
}

void engine::on_trust(const trust::event& happened) {
  if (happened.name == "root_adopted") held_->save_trust();
  if (happened.name != "equivocation") return;
  held_->warn(happened.name, fmt::format("equivocation: {}", happened.detail));
  held_->save_trust(); // with the evidence
}

/// Penalties stay with the network where they were earned. A race that runs notices by itself.
void engine::on_network() {
  through_.names.close_connections();
  pace_.network_changed(clock_.steady());
  poked_.notify();
  changed_.notify();
}

void engine::look_at_clock() {
  const auto wall = clock_.wall();
  const auto behind = held_->trust.time(wall).now() - wall;
  const bool before = clock_is_behind_;
  clock_is_behind_ = behind > clock_tolerance.count();
  if (clock_is_behind_ == before) return;
  const auto text = fmt::format("clock_behind: this computer's clock is behind by {} hours at least; set it",
                                behind / std::chrono::seconds(1h).count());
  held_->warn("clock_behind", clock_is_behind_ ? text : std::string());
  if (clock_is_behind_) events_.publish("clock_behind", {{"detail", text}});
}

void engine::on_adopted(bool provisional) {
  const auto wall = clock_.wall();
  held_->book.seen(held_->trust, wall);
  gate_made_.reset();
  held_->save_trust();
  book_dirty_since_ = book_dirty_since_.value_or(clock_.steady());
  handed_.clear();
  const auto& list = *held_->trust.list();
  through_.use_bridges_of(settings_, &*list); // not first when the race has ended: a tor that gets nowhere is in it
  const auto tier = held_->trust.tier(wall).value_or(trust::tier::c);
  events_.publish("list_adopted", {{"epoch", list->order.epoch},
                                   {"version", list->order.version},
                                   {"tier", trust::name(tier)},
                                   {"provisional", provisional}});
  events_.publish("peers_changed");
  changed_.notify();
}

std::vector<tunnel> engine::tunnels() { return make_tunnels(settings_, through_); }

bool engine::may_reach(const wire::socks_destination& to) {
  if (settings_.sidecar.socks_any) return true;
  const auto now = clock_.steady();
  if (!gate_made_ || now - *gate_made_ >= gate_age) {
    std::vector<config::endpoint> endpoints;
    for (const auto& peer : held_->book.candidates(held_->trust, clock_.wall()))
      endpoints.insert(endpoints.end(), peer.endpoints.begin(), peer.endpoints.end());
    gate_ = socks_gate(endpoints);
    gate_made_ = now;
  }
  return gate_.allows(to);
}

bool engine::needs_race() const { return held_->trust.tier(clock_.wall()) != trust::tier::a; }

pace::facts engine::facts() const {
  const auto wall = clock_.wall();
  pace::facts known{!needs_race(), held_->trust.list() && !held_->trust.list_is_seed(), std::nullopt,
                    where_.no_network(), where_.behind_portal()};
  for (const auto& route : routes_.usable) {
    const auto waits = held_->memory.waits(where_.here(), route, wall);
    const pace::duration in = waits ? std::chrono::seconds(waits->until - wall) : std::chrono::seconds(0);
    known.free_in = std::min(known.free_in.value_or(pace::duration::max()), in);
  }
  return known;
}

bool engine::may_improve(base::steady_time until) const {
  if (stopping_) return false;
  if (watch_.racing()) return true;
  if (options_.one_race && raced_) return false;
  return pace_.race_by(until, clock_.steady(), facts());
}

void engine::ask_race() {
  if (watch_.racing() || !needs_race()) return;
  pace_.client_waits(clock_.steady());
  poked_.notify();
}

void engine::save_book_if_due(bool at_once) {
  if (!book_dirty_since_ || (!at_once && clock_.steady() < *book_dirty_since_ + book_delay)) return;
  book_dirty_since_.reset();
  held_->save_book();
}

} // namespace landfall::sidecar
