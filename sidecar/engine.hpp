// The heart of the sidecar: decides when to race, polls otherwise, and hands over peers.
//
//   tier A in hand        no race; a jittered poll every 4 to 8 hours over alternating kinds of route, with a look for
//   a
//                         new root once a day
//   older, or nothing     a race at once, again with growing pauses until tier A; penalised routes wait their time
//   all peers failed      (reported by the VPN) a race
//   POST /v1/refresh      a race; penalties stay
//   no network            nothing but a refresh, until there is one; another network is another memory (whereabouts)
//
// One driver coroutine (run) does all of it, so there is never more than one race. Does no network I/O before run().
#pragma once

#include "sidecar/api_bodies.hpp"
#include "sidecar/api_server.hpp"
#include "sidecar/holdings.hpp"
#include "sidecar/pace.hpp"
#include "sidecar/race_watch.hpp"
#include "sidecar/routes.hpp"
#include "sidecar/socks_gate.hpp"
#include "sidecar/tunnel.hpp"
#include "sidecar/whereabouts.hpp"

#include <memory>
#include <set>

namespace landfall::sidecar {

class socks_server;

struct engine_options {
  bool demo = false;                      ///< network `demo` is allowed
  bool one_race = false;                  ///< run() ends after one race: `landfall peers`
  net::network_source* network = nullptr; ///< outlives the engine; nullptr: the system's
};

class engine final : public api_handler {
public:
  /// Errors: as holdings::open; local_error when fwmark or interface cannot be set.
  [[nodiscard]] static base::result<std::unique_ptr<engine>> open(net::asio::any_io_executor executor,
                                                                  config::settings settings, const base::clock& clock,
                                                                  engine_options options = {});

  /// The driver: until stop(), cancelled, or - with one_race - one race was run where one is needed.
  [[nodiscard]] net::awaitable<void> run();
  /// Waiting clients get what there is; run() ends after what it does now: cancel it to end a race at once.
  void stop();

  /// Answers at once when `min` is met at the freshness, or when nothing that could be done within `wait` would help;
  /// else waits. Cancelled: what there is.
  [[nodiscard]] net::awaitable<handed_over> hand_over(get_peers asked);
  [[nodiscard]] net::awaitable<api_answer> answer(api_call call) override;
  void answered(unsigned status) override { ++answered_[status]; }

  [[nodiscard]] status describe() const;
  [[nodiscard]] event_bus& events() noexcept { return events_; }
  /// The last race that ended; its number is 0 before the first.
  [[nodiscard]] const fallback::race_result& last_race() const noexcept { return last_race_; }
  [[nodiscard]] base::result<std::string> add(add_peer call);

  /// The ways out that this configuration has, for the local proxy, and what was learnt of them, which is kept; it
  /// borrows the engine.
  [[nodiscard]] tunnel_set tunnels();
  /// Where the local proxy may lead: peers of the verified list and those by hand, or anywhere with socks_any.
  [[nodiscard]] bool may_reach(const wire::socks_destination& to);
  /// Told by the API from now on; outlives the last answer.
  void offer(const socks_server& proxy) noexcept { proxy_ = &proxy; }

private:
  engine(net::asio::any_io_executor executor, config::settings settings, const base::clock& clock,
         engine_options options, std::unique_ptr<holdings> held);

  [[nodiscard]] net::awaitable<void> drive();
  [[nodiscard]] net::awaitable<void> race();
  [[nodiscard]] net::awaitable<void> poll();
  [[nodiscard]] fallback::race_context context();
  [[nodiscard]] const fallback::route* route_to_poll() const;
  void refresh_routes();
  void look_at_clock();
  void on_trust(const trust::event& happened);
  void on_adopted(bool provisional);
  void on_network();

  [[nodiscard]] bool needs_race() const;
  [[nodiscard]] pace::facts facts() const;
  [[nodiscard]] bool may_improve(base::steady_time until) const;
  void ask_race();

  [[nodiscard]] handed_over choose(const get_peers& asked);
  [[nodiscard]] fallback::lane_report explain(const known_route& route) const;
  [[nodiscard]] std::vector<fallback::lane_report> explained() const;
  [[nodiscard]] fallback::lane_report untried_yet(const known_route& route) const;
  [[nodiscard]] api_answer answer_now(api_call call);
  [[nodiscard]] api_answer answer_peers(const handed_over& out) const;
  [[nodiscard]] api_answer answer_explain() const;
  [[nodiscard]] api_answer answer_outcome(const report_outcome& call);
  [[nodiscard]] api_answer answer_refresh();
  [[nodiscard]] std::string metrics() const;
  /// Notes that there is something to save, once it has become quiet.
  void dirty(std::optional<base::steady_time>& since);
  void save_if_due(bool at_once);

  config::settings settings_;
  const base::clock& clock_;
  engine_options options_;
  std::unique_ptr<holdings> held_;
  event_bus events_;
  race_watch watch_;
  std::unique_ptr<net::network_source> system_network_; ///< unless options_.network
  whereabouts where_;
  transports through_;
  route_set routes_;
  net::notifier poked_;   ///< the driver looks again
  net::notifier changed_; ///< clients who wait look again
  bool stopping_ = false, raced_ = false, clock_is_behind_ = false;
  std::uint64_t selection_seed_;
  pace pace_;
  std::uint64_t race_number_ = 0;
  fallback::race_result last_race_;
  std::set<std::string> handed_; ///< ids since the last race or list
  bool detour_ = false;          ///< the local proxy has another way than direct dialling
  /// Of whom the VPN said, on this network, that it could not reach them; by id. No more than we know.
  std::map<std::string, base::steady_time> not_reached_;
  std::optional<base::steady_time> book_dirty_since_, tunnels_dirty_since_;
  std::map<unsigned, std::uint64_t> answered_;
  std::uint64_t peers_handed_ = 0;
  const socks_server* proxy_ = nullptr;
  socks_gate gate_;
  std::optional<base::steady_time> gate_made_; ///< empty: the peers have changed since
};

} // namespace landfall::sidecar
