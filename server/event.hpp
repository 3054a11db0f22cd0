// libevent's objects as owners.
#pragma once

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include <memory>

namespace landfall::server {

struct event_deleter {
  void operator()(event_base* base) const noexcept { event_base_free(base); }
  void operator()(event* one) const noexcept { event_free(one); }
  void operator()(evhttp* http) const noexcept { evhttp_free(http); }
  void operator()(evconnlistener* listener) const noexcept { evconnlistener_free(listener); }
  void operator()(bufferevent* one) const noexcept { bufferevent_free(one); }
};
using event_base_ptr = std::unique_ptr<event_base, event_deleter>;
using event_ptr = std::unique_ptr<event, event_deleter>;
using evhttp_ptr = std::unique_ptr<evhttp, event_deleter>;
using evconnlistener_ptr = std::unique_ptr<evconnlistener, event_deleter>;
using bufferevent_ptr = std::unique_ptr<bufferevent, event_deleter>;

} // namespace landfall::server
