#include "server/connections.hpp"

#include <sys/socket.h>

#include <utility>

namespace landfall::server {

namespace {
/// evhttp takes its callbacks back when it lets a connection go.
bool abandoned(bufferevent* one) {
  bufferevent_event_cb events = nullptr;
  bufferevent_getcb(one, nullptr, nullptr, &events, nullptr);
  return events == nullptr;
}

/// To evhttp it looks as if the client had left.
void shut(bufferevent* one) {
  auto* below = bufferevent_get_underlying(one); // a filter has no descriptor of its own
  if (const auto fd = bufferevent_getfd(below != nullptr ? below : one); fd >= 0) ::shutdown(fd, SHUT_RDWR);
}
} // namespace

void connections::let_go() {
  for (const auto& [one, how] : std::exchange(open_, {}))
    if (how.held) bufferevent_decref(one);
}

void connections::accepted(bufferevent* one) {
  bufferevent_incref(one);
  open_.insert_or_assign(one, state{clock_.steady() + allowed_.asking, /*held=*/true, /*answering=*/false});
}

void connections::accepted_stranger(bufferevent* one) {
  accepted(one);
  open_.at(one).until = base::steady_time::max();
}

void connections::known(bufferevent* one) {
  if (const auto found = open_.find(one); found != open_.end()) found->second.until = clock_.steady() + allowed_.asking;
}

void connections::answering(evhttp_connection* one) {
  auto* buffer = evhttp_connection_get_bufferevent(one);
  const auto found = open_.find(buffer);
  if (found == open_.end()) return;
  auto& how = found->second;
  how.until = clock_.steady() + allowed_.answering;
  how.answering = true;
  if (!how.held) return;
  how.held = false;
  evhttp_connection_set_closecb(one, &closed, this);
  bufferevent_decref(buffer);
}

void connections::asking(evhttp_connection* one) {
  const auto found = open_.find(evhttp_connection_get_bufferevent(one));
  if (found == open_.end()) return;
  found->second.until = clock_.steady() + allowed_.asking;
  found->second.answering = false;
}

void connections::tunnelling(evhttp_connection* one) {
  const auto found = open_.find(evhttp_connection_get_bufferevent(one));
  if (found != open_.end()) found->second.until = base::steady_time::max();
}

void connections::forget(evhttp_connection* one) { open_.erase(evhttp_connection_get_bufferevent(one)); }

void connections::sweep() {
  const auto now = clock_.steady();
  for (auto at = open_.begin(); at != open_.end();) {
    auto& [one, how] = *at;
    if (how.held && abandoned(one)) {
      bufferevent_decref(one);
      at = open_.erase(at);
      continue;
    }
    if (now >= how.until) shut(one);
    ++at;
  }
}

void connections::end_idle() {
  for (const auto& [one, how] : open_)
    if (!how.answering) shut(one);
}

void connections::closed(evhttp_connection* one, void* self) { static_cast<connections*>(self)->forget(one); }

} // namespace landfall::server
