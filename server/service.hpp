// The running server: evhttp on its listeners, answering from the library. One event_base, one thread.
//
// What protects it: the size of headers and bodies, the number of connections, a deadline for every request and every
// answer (connections.hpp), nothing read from a client while it is being answered, and no copy of a body for anybody.
#pragma once

#include "base/clock.hpp"
#include "server/connections.hpp"
#include "server/event.hpp"
#include "server/library.hpp"
#include "server/listener.hpp"
#include "server/obfs4.hpp"
#include "server/relay.hpp"
#include "server/tls.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::server {

class service {
public:
  struct settings {
    access who;
    std::size_t max_connections;
    std::chrono::seconds request_timeout;
    std::optional<relays::settings> relay; ///< CONNECT for those who came by obfs4 or tor
  };
  /// `base` must outlive it. With `secure`, TCP listeners speak TLS; Unix sockets never do.
  service(event_base* base, settings how, library content, std::optional<tls> secure, const base::clock& clock);
  service(const service&) = delete;
  service& operator=(const service&) = delete;
  ~service();

  /// Errors as listen_at. Connections are accepted once `start` was called.
  [[nodiscard]] base::result<void> listen(std::string_view where);
  /// The same for a listener that speaks obfs4 to clients of this bridge and nothing to others. Once.
  [[nodiscard]] base::result<void> listen_obfs4(std::string_view where, wire::obfs4_identity who);
  /// The same for a listener that a tor of this machine connects to, in plain HTTP; where it listens, as tor takes it.
  /// Errors also: malformed (a place that others can reach, or that tor would misread). Once.
  [[nodiscard]] base::result<std::string> listen_onion(std::string_view where);
  void start();
  [[nodiscard]] std::vector<std::string> listening_at() const;
  /// "obfs4 ADDRESS:PORT cert=… iat-mode=0" of that listener, or empty. Sensitive.
  [[nodiscard]] std::string bridge_line() const;

  /// Reads folders and certificate again, changed or not.
  void reload();
  /// Stops listening, lets answers under way finish, and ends the loop: at once when there are none, at the latest
  /// after 800 ms.
  void end();

private:
  struct open_listener {
    listening at;
    evhttp* http;
    evhttp_bound_socket* bound;
  };
  static bufferevent* new_plain(event_base* base, void* self);
  static bufferevent* new_secure(event_base* base, void* self);
  static bufferevent* new_hidden(event_base* base, void* self);
  static void requested(evhttp_request* one, void* self);
  static void requested_inside(evhttp_request* one, void* self);
  static void answered(evhttp_request* one, void* self);
  static void accept_failed(evconnlistener* listener, void* self);
  static void tick(evutil_socket_t, short, void* self);

  [[nodiscard]] base::result<void> add(std::string_view where, evhttp* tcp, evhttp* local);
  bufferevent* adopt(bufferevent* one);
  [[nodiscard]] evhttp_ptr make_http(bufferevent* (*make)(event_base*, void*));
  void handle(evhttp_request* one, const access& who);
  void pause_accepting();
  void accept_again();
  void schedule(std::chrono::milliseconds every);
  void look_around();

  event_base* base_;
  settings how_;
  library library_;
  std::optional<tls> tls_;
  const base::clock& clock_;
  connections connections_;            // before evhttp: its connections report their end while it is freed
  std::optional<relays> relays_;       // before evhttp for the same reason
  std::unique_ptr<obfs4_front> front_; // before evhttp too: its bufferevents are evhttp's
  evhttp_ptr plain_, secure_, hidden_, onion_;
  std::vector<open_listener> listeners_;
  event_ptr timer_;
  std::optional<base::steady_time> ending_; ///< when the loop ends at the latest
};

} // namespace landfall::server
