// curl_loop: libcurl's multi interface driven by Asio. Knows sockets and timers, nothing of requests. What it keeps
// open goes with it.
#pragma once

#include "http/curl.hpp"
#include "http/watch.hpp"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>

namespace landfall::http {

class curl_loop {
public:
  /// `stepped` is called after libcurl has done something, `ended` for each transfer that ended, which must still be
  /// `remove`d, but not from within.
  struct events {
    std::function<void()> stepped;
    std::function<void(CURL*, CURLcode)> ended;
  };
  /// `shares`: transfers to one server go over one connection where it speaks HTTP/2, over four at most where it does
  /// not, and connections outlive them.
  curl_loop(asio::any_io_executor executor, events tell, bool shares);
  ~curl_loop(); ///< all transfers must have been removed
  curl_loop(const curl_loop&) = delete;
  curl_loop& operator=(const curl_loop&) = delete;

  [[nodiscard]] CURLcode add(CURL* easy);
  void remove(CURL* easy);
  [[nodiscard]] bool shares() const noexcept { return shares_; }

  /// True when libcurl waits on no socket for this transfer.
  [[nodiscard]] bool without_socket(CURL* easy) const;
  /// Makes libcurl look at the transfer again soon. Not from within libcurl's callbacks.
  void nudge(CURL* easy);

  /// To be called for every socket that libcurl opens: gives a descriptor whose number no watched socket has had, as
  /// libcurl would else mistake the new one for the old (see watch.hpp). -1: no descriptor left, `descriptor` closed.
  [[nodiscard]] int fresh_number(int descriptor);

  /// CURLOPT_CLOSESOCKETFUNCTION where connections are shared, with the loop as its data.
  static int close_socket(void* self, curl_socket_t descriptor);

private:
  static int on_socket(CURL* easy, curl_socket_t descriptor, int what, void* self, void* unused);
  static int on_timer(CURLM* multi, long milliseconds, void* self);
  void act(curl_socket_t descriptor, int what);

  asio::any_io_executor executor_;
  events tell_;
  bool shares_;
  asio::steady_timer timer_;
  CURLM* multi_;
  struct watched {
    std::shared_ptr<watch> socket;
    CURL* by;
  };
  std::map<curl_socket_t, watched> watches_;
  std::shared_ptr<curl_loop*> self_; ///< what a queued timer handler finds empty when we are gone
};

} // namespace landfall::http
