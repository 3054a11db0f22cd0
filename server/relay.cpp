#include "server/relay.hpp"

#include "server/place.hpp"

#include <event2/buffer.h>
#include <fmt/format.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string_view>
#include <utility>
#include <vector>

namespace landfall::server {

namespace {
constexpr std::size_t max_held = 64 * 1024; ///< an obfs4 burst; one read more may come on top

std::size_t length(const evbuffer* of) { return evbuffer_get_length(of); }
} // namespace

/// One CONNECT, from its dialling to the end of both directions. Destroyed by `relays::closed` alone.
class relay {
public:
  relay(relays& owner, evhttp_connection* connection)
      : owner_(owner), connection_(connection), until_(owner.clock_.steady() + owner.how_.dial) {
    near_.buffer = evhttp_connection_get_bufferevent(connection_);
  }
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;
  ~relay() = default;

  void dial(const place& to);
  [[nodiscard]] bool is_late() const { return owner_.clock_.steady() >= until_; }
  void give_up() { answered_ ? finish() : fail("504 Gateway Timeout"); }
  void fail(std::string_view status);
  void finish() { evhttp_connection_free(connection_); } // and with it this object

private:
  struct side {
    bufferevent* buffer = nullptr;
    bool paused = false; ///< the other has no room
    bool ended = false;  ///< nothing more comes from it
    bool shut = false;   ///< nothing more goes to it
    bool dead = false;   ///< nothing can go to it
  };
  static relay& self(void* one) { return *static_cast<relay*>(one); }
  static void on_near_read(bufferevent*, void* one) { self(one).move(self(one).near_, self(one).far_); }
  static void on_far_read(bufferevent*, void* one) { self(one).move(self(one).far_, self(one).near_); }
  static void on_near_written(bufferevent*, void* one) { self(one).written(self(one).far_); }
  static void on_far_written(bufferevent*, void* one) { self(one).written(self(one).near_); }
  static void on_near_event(bufferevent*, short what, void* one) {
    self(one).happened(self(one).near_, self(one).far_, what);
  }
  static void on_far_event(bufferevent*, short what, void* one);

  void open();
  void take_over(std::string_view answer);
  void move(side& from, side& to);
  void written(side& other);
  void resume(side& from);
  void happened(side& at, side& other, short what);
  void settle();
  void shut(side& to, const side& from);
  void touch() {
    if (!far_.dead) until_ = owner_.clock_.steady() + owner_.how_.idle;
  }

  relays& owner_;
  evhttp_connection* connection_;
  bool answered_ = false;
  base::steady_time until_;
  bufferevent_ptr dialled_;
  side near_, far_; ///< the client; the peer
};

void relay::dial(const place& to) {
  dialled_.reset(bufferevent_socket_new(owner_.base_, -1, BEV_OPT_CLOSE_ON_FREE));
  far_.buffer = dialled_.get();
  if (!dialled_) return fail("502 Bad Gateway");
  bufferevent_setcb(far_.buffer, &on_far_read, &on_far_written, &on_far_event, this);
  if (bufferevent_socket_connect(far_.buffer, to.get(), static_cast<int>(to.size)) != 0) fail("502 Bad Gateway");
}

void relay::on_far_event(bufferevent*, short what, void* one) {
  auto& us = self(one);
  if ((what & BEV_EVENT_CONNECTED) != 0) return us.open();
  if (!us.answered_) return us.fail("502 Bad Gateway");
  us.happened(us.far_, us.near_, what);
}

/// Not evhttp's to send: it never closes behind the answer to a CONNECT, and would take what was meant for the peer for
/// the next request. What still comes is read and dropped, so that closing does not destroy the answer on its way.
void relay::fail(std::string_view status) {
  dialled_.reset();
  far_ = {.ended = true, .dead = true};
  take_over(fmt::format("HTTP/1.1 {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status));
  until_ = owner_.clock_.steady() + owner_.how_.dial;
}

void relay::open() {
  const int on = 1;
  ::setsockopt(bufferevent_getfd(far_.buffer), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  bufferevent_setwatermark(far_.buffer, EV_READ, 0, max_held);
  bufferevent_enable(far_.buffer, EV_READ | EV_WRITE);
  take_over("HTTP/1.1 200 OK\r\n\r\n");
}

/// From evhttp, with the answer to its request.
void relay::take_over(std::string_view answer) {
  answered_ = true;
  owner_.counted_.tunnelling(connection_);
  bufferevent_set_timeouts(near_.buffer, nullptr, nullptr);
  bufferevent_setcb(near_.buffer, &on_near_read, &on_near_written, &on_near_event, this);
  bufferevent_setwatermark(near_.buffer, EV_READ, 0, max_held);
  bufferevent_setwatermark(near_.buffer, EV_WRITE, 0, 0);
  bufferevent_write(near_.buffer, answer.data(), answer.size());
  bufferevent_enable(near_.buffer, EV_WRITE);
  move(near_, far_); // what came behind the request
  if (!near_.paused) resume(near_);
}

void relay::move(side& from, side& to) {
  touch();
  auto* input = bufferevent_get_input(from.buffer);
  if (to.dead) {
    evbuffer_drain(input, length(input));
    return;
  }
  bufferevent_write_buffer(to.buffer, input);
  if (from.paused || length(bufferevent_get_output(to.buffer)) < max_held) return;
  from.paused = true;
  bufferevent_disable(from.buffer, EV_READ);
}

/// The side opposite of `other` has taken all that it was given.
void relay::written(side& other) {
  touch();
  if (other.paused) {
    other.paused = false;
    resume(other);
  }
  settle();
}

/// A filter that was not read from holds bytes below that no event tells of.
void relay::resume(side& from) {
  if (from.ended) return;
  bufferevent_enable(from.buffer, EV_READ);
  auto* below = bufferevent_get_underlying(from.buffer);
  if (below != nullptr && length(bufferevent_get_input(below)) > 0)
    bufferevent_trigger(below, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
}

void relay::happened(side& at, side& other, short what) {
  if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) == 0) return;
  at.ended = true;
  if ((what & BEV_EVENT_EOF) == 0) {
    at.dead = other.ended = true; // nobody is left to read for
    if (other.buffer != nullptr) bufferevent_disable(other.buffer, EV_READ);
  }
  settle();
}

void relay::settle() {
  shut(far_, near_);
  shut(near_, far_);
  if (near_.shut && far_.shut) finish();
}

/// Passes an end on, behind all that came before it.
void relay::shut(side& to, const side& from) {
  if (!from.ended || to.shut || (!to.dead && length(bufferevent_get_output(to.buffer)) > 0)) return;
  to.shut = true;
  if (to.dead) return;
  auto* below = bufferevent_get_underlying(to.buffer); // a filter has no descriptor of its own
  ::shutdown(bufferevent_getfd(below != nullptr ? below : to.buffer), SHUT_WR);
}

relays::relays(event_base* base, connections& counted, const base::clock& clock, settings how)
    : base_(base), counted_(counted), clock_(clock), how_(how) {}

relays::~relays() = default;

void relays::connect(evhttp_request* one, const std::shared_ptr<const content>& what) {
  if (seen_ != what) {
    targets_ = relay_targets_of(what->documents, how_.lab);
    seen_ = what;
  }
  const char* authority = evhttp_request_get_uri(one);
  const auto target = find_target(targets_, authority != nullptr ? authority : "");
  auto* connection = evhttp_request_get_connection(one);
  auto& made = *(open_[connection] = std::make_unique<relay>(*this, connection));
  evhttp_connection_set_closecb(connection, &relays::closed, this);
  if (!target) return made.fail("403 Forbidden");
  constexpr std::size_t scheme = std::string_view("tcp://").size();
  const auto to = place::parse(target->to_string().substr(scheme));
  to ? made.dial(*to) : made.fail("403 Forbidden");
}

void relays::closed(evhttp_connection* one, void* self) {
  auto& us = *static_cast<relays*>(self);
  us.counted_.forget(one);
  us.open_.erase(one);
}

void relays::sweep() {
  std::vector<relay*> late;
  for (const auto& [connection, one] : open_)
    if (one->is_late()) late.push_back(one.get());
  for (auto* one : late) one->give_up();
}

void relays::end() {
  std::vector<relay*> all;
  for (const auto& [connection, one] : open_) all.push_back(one.get());
  for (auto* one : all) one->finish();
}

} // namespace landfall::server
