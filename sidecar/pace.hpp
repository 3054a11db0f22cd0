// When to race and when to poll. Pure: times and facts in, the next step out, so that days can be tested in
// microseconds.
//
// An observer sees bursts, so every reason to race has its pause, and none passes a penalty by:
//   not fresh           2 s after a race that brought nothing fresh, doubled each time: to 5 minutes, with a list that
//   can
//                       be used to an hour
//   a client waits      at once, but 30 s after the last race
//   all peers failed    at once, but 30 s after the last race, doubled each time to an hour, until a peer works
//   POST /v1/refresh    at once, but 2 s after the last race
//   without a network    when there is one again; a refresh is answered all the same
//   behind a login page  as not fresh, at most a minute apart: people log in any moment
//   another network      at once where the list is not fresh; and anew when it came in the middle of a race, 2 s after
//                        the last one that was cut so
// A fresh list is polled 4 to 8 hours apart, the first time 10 to 60 minutes after the start, so that a sidecar that
// runs two hours a day polls as well.
#pragma once

#include "base/clock.hpp"

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

namespace landfall::sidecar {

class pace {
public:
  using duration = std::chrono::milliseconds;

  /// What the decision depends on besides time.
  struct facts {
    bool fresh = false;              ///< tier A in hand
    bool usable = false;             ///< a list of lower tier in hand that is no seed
    std::optional<duration> free_in; ///< until a route is free of penalties; nullopt: there is no route
    bool no_network = false;         ///< nothing can be reached: neither raced nor polled
    bool behind_portal = false;
  };
  enum class act : std::uint8_t { race, poll, wait };
  struct step {
    act what = act::wait;
    base::steady_time until; ///< for wait; steady_time::max(): only for a reason from outside
  };

  /// `seed` is of every jitter.
  pace(base::steady_time start, std::uint64_t seed);

  [[nodiscard]] step next(base::steady_time now, const facts& known) const;
  /// Whether a race could start by `until`: whether it is worth a client's while to wait.
  [[nodiscard]] bool race_by(base::steady_time until, base::steady_time now, const facts& known) const;

  void refresh() { refresh_wanted_ = true; }
  void client_waits(base::steady_time now);
  void peers_failed(base::steady_time now);
  void peer_works() { failed_pause_ = first_failed_pause; }

  void raced(base::steady_time now, const facts& after);
  /// A race was cut by what it had nothing to do with: a change of network, or sleep.
  void interrupted(base::steady_time now);
  void network_changed(base::steady_time now);
  /// Whether this poll looks for a new root first: once a day, and the first one.
  [[nodiscard]] bool polled(base::steady_time now, const std::string& kind);
  /// Of `kinds` the one that was polled longest ago: two kinds a day where there are two.
  [[nodiscard]] std::string kind_to_poll(const std::set<std::string>& kinds) const;

private:
  static constexpr duration first_failed_pause = std::chrono::seconds(30);
  [[nodiscard]] duration between(duration least, duration most);
  [[nodiscard]] base::steady_time after_last(base::steady_time now, duration pause) const;
  /// As if there were a network.
  [[nodiscard]] base::steady_time next_race(base::steady_time now, const facts& known) const;

  std::mt19937_64 random_;
  std::optional<base::steady_time> last_race_, failed_race_at_, cut_at_;
  base::steady_time next_race_, next_poll_, next_root_;
  duration pause_, failed_pause_ = first_failed_pause;
  bool refresh_wanted_ = false;
  std::map<std::string, base::steady_time> polled_;
};

} // namespace landfall::sidecar
