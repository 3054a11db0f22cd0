#include "sidecar/engine.hpp"

#include "base/log.hpp"
#include "net/deadline.hpp"
#include "net/socket.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::sidecar {

using base::result;
using net::awaitable;
using namespace std::chrono_literals;

namespace {

/// Between two races of which the first brought no fresh list: doubled each time. With a list that can be used there is
/// no hurry; with nothing but seeds there is.
constexpr std::chrono::milliseconds first_pause = 2s, longest_pause = 5min, longest_pause_with_list = 1h;
/// Between any two races, whoever asks for them.
constexpr std::chrono::milliseconds shortest_pause = 1s;
/// Polls: 4 to 8 hours apart, the first sooner, so that a sidecar that runs two hours a day polls as well.
constexpr std::chrono::minutes first_poll_least = 10min, first_poll_most = 60min, poll_least = 4h, poll_most = 8h;
constexpr std::chrono::hours root_interval = 24h;
/// The wall clock may be set, and the machine may sleep: the driver looks again at least this often.
constexpr std::chrono::minutes longest_sleep = 5min;
/// Outcomes come in bursts: one write for all of them.
constexpr std::chrono::seconds book_delay = 5s;

std::uint64_t random_seed() { return crypto::random_below(std::numeric_limits<std::uint64_t>::max()); }

std::chrono::milliseconds between(std::chrono::milliseconds least, std::chrono::milliseconds most) {
  return least +
         std::chrono::milliseconds(crypto::random_below(static_cast<std::uint64_t>((most - least).count()) + 1));
}

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
          [this](bool provisional) { on_adopted(provisional); }),
      through_(executor, settings_), poked_(executor), changed_(executor), selection_seed_(random_seed()),
      next_race_at_(clock.steady()), earliest_race_(next_race_at_),
      next_poll_at_(next_race_at_ + between(first_poll_least, first_poll_most)), next_root_at_(next_race_at_),
      pause_(first_pause) {
  held_->on_complaint([this](const std::string& text) { events_.publish("local_error", {{"detail", text}}); });
  refresh_routes();
}

awaitable<void> engine::run() {
  for (bool cancelled = false; !stopping_ && !cancelled; cancelled = co_await net::was_cancelled()) {
    const auto now = clock_.steady();
    held_->memory.cap(clock_.wall());
    const bool fresh = !needs_race();
    if (options_.one_race && (raced_ || fresh)) break;
    if ((race_wanted_ && now >= earliest_race_) || (!fresh && now >= next_race())) {
      co_await race();
    } else if (fresh && now >= next_poll_at_) {
      co_await poll();
    } else {
      auto until = std::min(fresh ? next_poll_at_ : next_race(), now + longest_sleep);
      if (race_wanted_) until = std::min(until, earliest_race_);
      if (book_dirty_since_) until = std::min(until, *book_dirty_since_ + book_delay);
      (void)co_await net::with_deadline(poked_.wait(), std::max(until - now, base::steady_time::duration(1ms)),
                                        base::stage::none);
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
  return {held_->trust, held_->memory, clock_, watch_, settings_.fallback, config::lane_deadlines{}, random_seed()};
}

awaitable<void> engine::race() {
  race_wanted_ = false;
  handed_.clear();
  ++race_number_;
  auto ended = co_await fallback::race_routes(race_number_, routes_.usable, context());
  raced_ = true;
  if (ended) last_race_ = std::move(*ended);
  held_->save_memory();
  refresh_routes();
  plan_next_race();
  changed_.notify();
}

void engine::plan_next_race() {
  const auto now = clock_.steady();
  earliest_race_ = now + shortest_pause;
  if (!needs_race()) {
    pause_ = first_pause;
    next_race_at_ = now;
    next_poll_at_ = now + between(poll_least, poll_most);
    return;
  }
  const bool usable = held_->trust.list() && !held_->trust.list_is_seed();
  next_race_at_ = now + between(pause_ * 4 / 5, pause_ * 6 / 5);
  pause_ = std::min(pause_ * 2, usable ? longest_pause_with_list : longest_pause);
}

const fallback::route* engine::route_to_poll() {
  const auto wall = clock_.wall();
  std::vector<const fallback::route*> free;
  for (const auto& route : routes_.usable)
    if (!held_->memory.penalised(route.name, wall)) free.push_back(&route);
  if (free.empty()) return nullptr;
  // A route taken by chance, of the kind that was asked longest ago: two kinds a day where there are two.
  std::rotate(free.begin(), free.begin() + static_cast<std::ptrdiff_t>(crypto::random_below(free.size())), free.end());
  const auto longest_ago = [this](const fallback::route* a, const fallback::route* b) {
    return polled_[a->kind] < polled_[b->kind];
  };
  return *std::min_element(free.begin(), free.end(), longest_ago);
}

awaitable<void> engine::poll() {
  const auto now = clock_.steady();
  next_poll_at_ = now + between(poll_least, poll_most);
  const auto* route = route_to_poll();
  if (route == nullptr) co_return;
  polled_[route->kind] = now;
  const bool roots_first = now >= next_root_at_;
  if (roots_first) next_root_at_ = now + between(root_interval * 9 / 10, root_interval);
  const auto report = co_await fallback::poll_route(*route, context(), roots_first);
  base::log(base::level::debug, "poll of {}: {}", report.route, base::name(report.outcome));
  held_->save_memory();
  refresh_routes();
  changed_.notify();
}

void engine::refresh_routes() {
  const auto& list = held_->trust.list();
  routes_ = make_routes(settings_, list ? &**list : nullptr, through_);
  for (const auto& route : routes_.known)
    held_->warn("off-" + route.name,
                route.off.empty() ? route.off : fmt::format("route {} is off: {}", route.name, route.off));
}

void engine::on_trust(const trust::event& happened) {
  if (happened.name == "root_adopted") held_->save_trust();
  if (happened.name == "equivocation" || happened.name == "clock_behind") {
    held_->warn(happened.name, fmt::format("{}: {}", happened.name, happened.detail));
    held_->save_trust(); // the evidence, and the time that we know to have passed
  }
}

void engine::on_adopted(bool provisional) {
  const auto wall = clock_.wall();
  held_->book.seen(held_->trust, wall);
  held_->save_trust();
  book_dirty_since_ = book_dirty_since_.value_or(clock_.steady());
  handed_.clear();
  const auto& list = *held_->trust.list();
  const auto tier = held_->trust.tier(wall).value_or(trust::tier::c);
  events_.publish("list_adopted", {{"epoch", list->order.epoch},
                                   {"version", list->order.version},
                                   {"tier", trust::name(tier)},
                                   {"provisional", provisional}});
  events_.publish("peers_changed");
  changed_.notify();
}

bool engine::needs_race() const { return held_->trust.tier(clock_.wall()) != trust::tier::a; }

base::steady_time engine::next_race() const {
  const auto wall = clock_.wall();
  std::optional<base::unix_time> wait;
  for (const auto& route : routes_.usable) {
    const auto* memory = held_->memory.of(route.name);
    const auto until = memory ? std::max<base::unix_time>(memory->until - wall, 0) : 0;
    wait = std::min(wait.value_or(until), until);
  }
  if (!wait) return base::steady_time::max();
  // Not max() with the clock where nothing waits: "now or later" would always lie after the now that it is compared
  // with.
  return *wait == 0 ? next_race_at_ : std::max(next_race_at_, clock_.steady() + std::chrono::seconds(*wait));
}

bool engine::may_improve(base::steady_time until) const {
  if (stopping_) return false;
  if (watch_.racing() || race_wanted_) return true;
  if (options_.one_race && raced_) return false;
  return needs_race() && next_race() <= until;
}

void engine::ask_race() {
  if (watch_.racing()) return;
  next_race_at_ = std::min(next_race_at_, std::max(earliest_race_, clock_.steady()));
  poked_.notify();
}

void engine::save_book_if_due(bool at_once) {
  if (!book_dirty_since_ || (!at_once && clock_.steady() < *book_dirty_since_ + book_delay)) return;
  book_dirty_since_.reset();
  held_->save_book();
}

} // namespace landfall::sidecar
