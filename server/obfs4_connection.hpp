// One obfs4 connection as a filtering bufferevent. Inside server/obfs4.cpp alone.
#pragma once

#include "server/obfs4.hpp"
#include "wire/obfs4_handshake.hpp"
#include "wire/obfs4_session.hpp"

#include <event2/buffer.h>

#include <optional>

namespace landfall::server {

/// Owned by the filter, which destroys it when it goes.
class obfs4_connection {
public:
  [[nodiscard]] static bufferevent* make(obfs4_front& front);
  obfs4_connection(const obfs4_connection&) = delete;
  obfs4_connection& operator=(const obfs4_connection&) = delete;
  ~obfs4_connection();
  /// Ends it in both directions; a stranger is forgotten at once.
  void shut();

private:
  obfs4_connection(obfs4_front& front, bufferevent* below);
  static bufferevent_filter_result input(evbuffer* from, evbuffer* to, ev_ssize_t limit, bufferevent_flush_mode,
                                         void* self);
  static bufferevent_filter_result output(evbuffer* from, evbuffer* to, ev_ssize_t limit, bufferevent_flush_mode,
                                          void* self);
  static void on_timer(evutil_socket_t, short, void* self);
  static void on_added(evbuffer*, const evbuffer_cb_info* what, void* self);
  static void on_kick(evutil_socket_t, short, void* self);

  void hear(evbuffer* from);
  void answer();
  bufferevent_filter_result open_frames(evbuffer* from, evbuffer* to, std::size_t limit);
  void write_piece(evbuffer* to);
  void no_stranger_any_more();
  void wait(base::steady_time::duration how_long);

  obfs4_front& front_;
  bufferevent* below_;
  bufferevent* above_ = nullptr; ///< the filter itself
  wire::obfs4_patience patience_;
  std::optional<wire::obfs4_server_handshake> shake_; ///< none: refused, or through
  std::optional<wire::obfs4_session> session_;
  bool stranger_ = true;
  std::list<obfs4_connection*>::iterator place_; ///< among the strangers, while it is one
  event_ptr timer_;                              ///< the end of patience; later the pauses of iat modes
  event_ptr kick_;                               ///< evhttp has finished adding to an answer
  // What is being written: `sealed_` bytes of evhttp's, as the pieces of a burst from `piece_` on.
  std::size_t sealed_ = 0;
  wire::obfs4_burst burst_;
  std::size_t piece_ = 0, written_ = 0;
  bool pausing_ = false, kicked_ = false;
};

} // namespace landfall::server
