// obfs4 in front of evhttp: a bufferevent for each connection that reads and writes what is inside the frames.
//
// evhttp sees a client only once it has shown that it knows the bridge. Who does not is read from, silently, and closed
// at a time that is the bridge's own (wire/obfs4_guard.hpp), counted from the connection's start to the microsecond.
// Strangers hold 8 KiB each and a share of the connections of their own: beyond it the one that came first is closed.
#pragma once

#include "base/clock.hpp"
#include "crypto/elligator2.hpp"
#include "server/event.hpp"
#include "wire/obfs4_guard.hpp"
#include "wire/obfs4_identity.hpp"
#include "wire/obfs4_shape.hpp"

#include <functional>
#include <list>
#include <memory>
#include <vector>

namespace landfall::server {

class obfs4_connection;

class obfs4_front {
public:
  /// `known`: called with the bufferevent of a client that has shown that it knows the bridge.
  struct settings {
    std::size_t max_strangers;
    std::function<void(bufferevent*)> known;
  };
  /// `base` and `clock` must outlive it, and it every bufferevent that it made.
  obfs4_front(event_base* base, wire::obfs4_identity who, settings how, const base::clock& clock);
  obfs4_front(const obfs4_front&) = delete;
  obfs4_front& operator=(const obfs4_front&) = delete;
  ~obfs4_front();

  /// For evhttp_set_bevcb; nullptr without memory. Its descriptor is set by evhttp.
  [[nodiscard]] bufferevent* open();
  [[nodiscard]] const wire::obfs4_identity& identity() const noexcept { return who_; }

private:
  friend class obfs4_connection;
  [[nodiscard]] crypto::hidden_key_pair take_key();
  static void make_key(evutil_socket_t, short, void* self);

  event_base* base_;
  wire::obfs4_identity who_;
  settings how_;
  const base::clock& clock_;
  std::shared_ptr<const wire::obfs4_shape> shape_;
  wire::obfs4_replay_filter seen_;
  std::list<obfs4_connection*> strangers_;    ///< the first came first
  std::vector<crypto::hidden_key_pair> keys_; ///< made ahead, between events
  event_ptr key_maker_;
};

} // namespace landfall::server
