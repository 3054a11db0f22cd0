// The server as an onion service: keeps it published through the control port of a tor that runs already. On libevent.
//
//   connect ─▶ onion_session ─▶ published ──connection lost──▶ pause 1 s, doubling to 60 s ─▶ connect
//
// tor drops the service with the connection, so the connection is held for as long as the service is to be there, and a
// tor that was restarted gets it again. Meanwhile the rest of the server goes on. Every answer has a deadline; of what
// comes no more than max_unread is held. Lines of the log say what happened and what to do, never key, address or what
// the other side said.
#pragma once

#include "base/clock.hpp"
#include "server/event.hpp"
#include "server/onion_session.hpp"
#include "server/place.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace landfall::server {

class onion_publisher {
public:
  struct settings {
    place control;
    base::secret password;
    onion_key key;
    std::string target;                            ///< what tor connects to for port 80
    std::chrono::milliseconds answer_time{10'000}; ///< tor answers in some tens of milliseconds
    std::chrono::milliseconds shortest_pause{1'000}, longest_pause{60'000};
  };
  /// `base` and `clock` must outlive it. `first` hears how the first attempt ended, once, from the loop: a failure
  /// there is an operator's slip, and nothing is tried again.
  onion_publisher(event_base* base, settings how, const base::clock& clock,
                  std::function<void(const base::result<void>&)> first);
  onion_publisher(const onion_publisher&) = delete;
  onion_publisher& operator=(const onion_publisher&) = delete;
  ~onion_publisher() = default;

  /// "http://….onion/". Sensitive.
  [[nodiscard]] std::string url() const { return "http://" + how_.key.address + ".onion/"; }
  [[nodiscard]] bool published() const noexcept { return session_ && session_->published(); }

private:
  static void on_timer(evutil_socket_t, short, void* self);
  static void on_read(bufferevent*, void* self);
  static void on_event(bufferevent*, short what, void* self);

  void connect();
  void say(base::secret command);
  void taken();
  void lost(base::failure why);
  void wait(std::chrono::milliseconds how_long);

  event_base* base_;
  settings how_;
  const base::clock& clock_;
  std::function<void(const base::result<void>&)> first_; ///< empty once it was called
  event_ptr timer_; ///< of an answer while there is a session, of the pause while there is none
  std::optional<onion_session> session_;
  bufferevent_ptr connection_;
  base::steady_time since_{}; ///< published
  std::size_t in_a_row_ = 0;  ///< losses without a time of quiet between them
};

} // namespace landfall::server
