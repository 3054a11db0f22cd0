// What happens, as it happens: a bus from the engine to the API's event streams, the live table and the log.
//
// A listener is called on the loop's thread, at once, and must not publish. A queue is a listener that holds events for
// a slow reader: bounded, the newest dropped and counted when it is full, so that no client can make us hold memory.
#pragma once

#include "base/clock.hpp"
#include "net/notifier.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace landfall::sidecar {

/// Names as in design §7; `data` begins with "at", milliseconds since 1970.
struct event {
  std::string name;
  boost::json::object data;
};

class event_bus {
public:
  using listener = std::function<void(const event&)>;

  /// Keeps a listener registered for as long as it lives.
  class listening {
  public:
    listening(event_bus& bus, listener who);
    listening(const listening&) = delete;
    listening& operator=(const listening&) = delete;
    ~listening();

  private:
    event_bus& bus_;
    std::list<listener>::iterator place_;
  };

  explicit event_bus(const base::clock& clock) : clock_(clock), wall_(clock.wall()), steady_(clock.steady()) {}
  void publish(std::string name, boost::json::object data = {});
  /// Events that slow readers did not get, since the start.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

private:
  friend class event_queue;
  [[nodiscard]] std::int64_t now_ms();
  const base::clock& clock_;
  base::unix_time wall_; ///< the wall clock at `steady_`: milliseconds are counted from there
  base::steady_time steady_;
  std::list<listener> listeners_;
  std::uint64_t lost_ = 0;
};

class event_queue {
public:
  static constexpr std::size_t capacity = 256;

  event_queue(event_bus& bus, net::asio::any_io_executor executor);
  /// The next event as server-sent event text ("event: NAME\ndata: {...}\n\n"); waits for one. Fails only with
  /// cancelled, also after close().
  [[nodiscard]] net::awaitable<net::result<std::string>> next();
  /// Ends the stream: next() fails from now on.
  void close();

private:
  void take(const event& happened);
  event_bus& bus_;
  net::notifier arrived_;
  std::deque<std::string> waiting_;
  bool closed_ = false;
  event_bus::listening listening_;
};

/// "event: NAME\ndata: {...}\n\n"
[[nodiscard]] std::string server_sent(const event& happened);

} // namespace landfall::sidecar
