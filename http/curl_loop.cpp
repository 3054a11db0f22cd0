#include "http/curl_loop.hpp"

#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

namespace landfall::http {

namespace {
constexpr long most_to_a_host = 4; // connections: more would be a burst (design §9)
} // namespace

curl_loop::curl_loop(asio::any_io_executor executor, events tell, bool shares)
    : executor_(std::move(executor)), tell_(std::move(tell)), shares_(shares), timer_(executor_),
      self_(std::make_shared<curl_loop*>(this)) {
  multi_ = curl().multi_init();
  if (!multi_) throw std::bad_alloc();
  curl().multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &curl_loop::on_socket);
  curl().multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl().multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &curl_loop::on_timer);
  curl().multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  // No transfer shares another route's connection.
  curl().multi_setopt(multi_, CURLMOPT_PIPELINING, shares_ ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING);
  if (shares_) curl().multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, most_to_a_host);
}

curl_loop::~curl_loop() {
  *self_ = nullptr;
  curl().multi_cleanup(multi_);
  for (auto& [descriptor, of] : watches_) of.socket->stop();
}

CURLcode curl_loop::add(CURL* easy) {
  return curl().multi_add_handle(multi_, easy) == CURLM_OK ? CURLE_OK : CURLE_FAILED_INIT;
}

void curl_loop::remove(CURL* easy) {
  curl().multi_remove_handle(multi_, easy);
  if (shares_) return; // others may be on the same socket; close_socket hears of its end
  // What libcurl closed without a word; our duplicate would keep the connection open.
  std::erase_if(watches_, [easy](auto& entry) {
    if (entry.second.by == easy) entry.second.socket->stop();
    return entry.second.by == easy;
  });
}

int curl_loop::close_socket(void* self, curl_socket_t descriptor) {
  auto& me = *static_cast<curl_loop*>(self);
  if (const auto found = me.watches_.find(descriptor); found != me.watches_.end()) {
    found->second.socket->stop();
    me.watches_.erase(found);
  }
  return ::close(descriptor);
}

bool curl_loop::without_socket(CURL* easy) const {
  return std::none_of(watches_.begin(), watches_.end(), [easy](const auto& entry) { return entry.second.by == easy; });
}

void curl_loop::nudge(CURL* easy) {
  // A pause that is taken back leaves nothing behind but "to be run now".
  curl().easy_pause(easy, CURLPAUSE_RECV);
  curl().easy_pause(easy, CURLPAUSE_CONT);
  auto run = [alive = self_] {
    if (*alive) (*alive)->act(CURL_SOCKET_TIMEOUT, 0);
  };
  asio::post(executor_, std::move(run));
}

int curl_loop::fresh_number(int descriptor) {
  int number = descriptor;
  while (number >= 0 && watches_.contains(number)) {
    const int next = ::fcntl(descriptor, F_DUPFD_CLOEXEC, number + 1);
    if (number != descriptor) ::close(number);
    number = next;
  }
  if (number != descriptor) ::close(descriptor);
  return number;
}

int curl_loop::on_socket(CURL* easy, curl_socket_t descriptor, int what, void* self, void*) {
  auto& me = *static_cast<curl_loop*>(self);
  auto found = me.watches_.find(descriptor);
  if (what == CURL_POLL_REMOVE) {
    if (found == me.watches_.end()) return 0;
    found->second.socket->stop();
    me.watches_.erase(found);
    return 0;
  }
  if (found == me.watches_.end()) {
    const auto tell = [&me, descriptor](bool can_read) {
      me.act(descriptor, can_read ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
    };
    auto made = watch::make(me.executor_, descriptor, tell);
    if (!made) return -1; // no descriptor left: libcurl gives the transfer up
    found = me.watches_.emplace(descriptor, watched{std::move(made), easy}).first;
  }
  found->second.socket->want((what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0);
  return 0;
}

int curl_loop::on_timer(CURLM*, long milliseconds, void* self) {
  auto& me = *static_cast<curl_loop*>(self);
  if (milliseconds < 0) {
    me.timer_.cancel();
    return 0;
  }
  me.timer_.expires_after(std::chrono::milliseconds(milliseconds));
  // Never from within this callback, even for 0 ms: libcurl must not be entered twice.
  auto fired = [alive = me.self_](const net::error_code& ec) {
    if (!ec && *alive) (*alive)->act(CURL_SOCKET_TIMEOUT, 0);
  };
  me.timer_.async_wait(std::move(fired));
  return 0;
}

void curl_loop::act(curl_socket_t descriptor, int what) {
  int running = 0, left = 0;
  curl().multi_socket_action(multi_, descriptor, what, &running);
  while (const auto* message = curl().multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) tell_.ended(message->easy_handle, message->data.result);
  }
  tell_.stepped();
}

} // namespace landfall::http
