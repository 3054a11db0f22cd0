// Every open connection and how long it may still take. evhttp times out silence only, so a client that sends a byte
// now and then would stay for ever ("slow loris"), and it tells nobody about connections that never got as far as a
// request.
//
// Each connection has a deadline: for a whole request while it asks, for the whole answer while it is answered. Past it
// the socket is shut down, and evhttp cleans up as if the client had left. Nothing here frees what evhttp owns.
#pragma once

#include "base/clock.hpp"
#include "server/event.hpp"

#include <chrono>
#include <cstddef>
#include <unordered_map>

namespace landfall::server {

class connections {
public:
  /// `asking`: from the connection, or the end of the last answer, to the end of a request's body; TLS handshake and
  /// idleness included. `answering`: to the last byte taken over by the kernel.
  struct limits {
    std::chrono::seconds asking, answering;
  };
  connections(const base::clock& clock, limits allowed) : clock_(clock), allowed_(allowed) {}
  connections(const connections&) = delete;
  connections& operator=(const connections&) = delete;
  ~connections() { let_go(); }

  [[nodiscard]] std::size_t count() const noexcept { return open_.size(); }

  /// A connection was accepted. Holds a reference to it until `answering` or a sweep.
  void accepted(bufferevent* one);
  /// The same for one that has a deadline of its own until it is `known`.
  void accepted_stranger(bufferevent* one);
  /// It may ask from now on.
  void known(bufferevent* one);
  /// Its request is complete. Watches the connection's end from the first time on.
  void answering(evhttp_connection* one);
  /// It carries a tunnel from now on, whose time others keep.
  void tunnelling(evhttp_connection* one);
  /// It has ended, for whoever has put another callback in place of ours.
  void forget(evhttp_connection* one);
  /// The answer is sent; the next request may come.
  void asking(evhttp_connection* one);

  /// Ends what is past its deadline, forgets what is gone. To be called a few times a second.
  void sweep();
  /// Ends every connection that is not being answered.
  void end_idle();
  /// Forgets them all, when evhttp has gone.
  void let_go();

private:
  struct state {
    base::steady_time until;
    bool held; ///< we own a reference: evhttp may have let go without telling
    bool answering;
  };
  static void closed(evhttp_connection* one, void* self);

  const base::clock& clock_;
  limits allowed_;
  std::unordered_map<bufferevent*, state> open_;
};

} // namespace landfall::server
