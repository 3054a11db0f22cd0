// HTTP CONNECT behind the hidden listeners: a bridge or an onion service is then a way to the peers too, not to their
// list alone. On libevent.
//
//   evhttp hears CONNECT ─▶ target? ─no─▶ 403
//                              └─yes─▶ dial ─fails─▶ 502, 504
//                                        └─stands─▶ 200, and the connection's bufferevent is ours from then on
//
// evhttp keeps the connection and the request, which it never answers: its callbacks are replaced by ours. At the end
// it is freed as evhttp frees any other, so every count and limit of connections goes on to hold. A side is read from
// only while the other holds less than max_held; half-close is kept; what moves no byte for `idle` ends.
#pragma once

#include "base/clock.hpp"
#include "server/answer.hpp"
#include "server/connections.hpp"
#include "server/relay_targets.hpp"

#include <chrono>
#include <memory>
#include <unordered_map>

namespace landfall::server {

class relay;

class relays {
public:
  struct settings {
    bool lab = false; ///< private and loopback addresses too
    std::chrono::seconds dial{10}, idle{600};
  };
  /// All three must outlive it, and it every evhttp whose requests it is given.
  relays(event_base* base, connections& counted, const base::clock& clock, settings how);
  relays(const relays&) = delete;
  relays& operator=(const relays&) = delete;
  ~relays();

  /// Answers a CONNECT for one of the lists in `what`.
  void connect(evhttp_request* one, const std::shared_ptr<const content>& what);
  /// Ends what is past its time. To be called a few times a second.
  void sweep();
  /// Ends all.
  void end();

private:
  friend class relay;
  static void closed(evhttp_connection* one, void* self);

  event_base* base_;
  connections& counted_;
  const base::clock& clock_;
  settings how_;
  std::shared_ptr<const content> seen_; ///< what targets_ were taken from
  relay_targets targets_;
  std::unordered_map<evhttp_connection*, std::unique_ptr<relay>> open_;
};

} // namespace landfall::server
