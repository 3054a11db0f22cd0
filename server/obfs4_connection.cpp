#include "server/obfs4_connection.hpp"

#include "crypto/hash.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

namespace landfall::server {

namespace {
using verdict = wire::obfs4_server_handshake::verdict;

// Whole frames for one write, and as much of a client's as is taken at once.
constexpr std::size_t burst_payload = 44 * wire::obfs4_max_payload;
constexpr std::size_t max_unread = 64 * 1024;
constexpr std::size_t single_write = 64 * 1024;
constexpr timeval at_once{0, 0};

std::size_t length(const evbuffer* of) { return evbuffer_get_length(of); }
} // namespace

obfs4_connection::obfs4_connection(obfs4_front& front, bufferevent* below)
    : front_(front), below_(below), patience_(wire::obfs4_patience::of(front.clock_.steady(), front.who_)),
      shake_(front.who_), place_(front.strangers_.insert(front.strangers_.end(), this)),
      timer_(evtimer_new(front.base_, &obfs4_connection::on_timer, this)),
      kick_(evtimer_new(front.base_, &obfs4_connection::on_kick, this)) {
  wait(patience_.close_at - front.clock_.steady());
}

obfs4_connection::~obfs4_connection() { no_stranger_any_more(); }

bufferevent* obfs4_connection::make(obfs4_front& front) {
  auto* below = bufferevent_socket_new(front.base_, -1, BEV_OPT_CLOSE_ON_FREE);
  if (below == nullptr) return nullptr;
  bufferevent_setwatermark(below, EV_READ, 0, max_unread);
  bufferevent_set_max_single_read(below, max_unread);
  bufferevent_set_max_single_write(below, single_write);
  auto* one = new obfs4_connection(front, below);
  const auto destroy = [](void* self) { delete static_cast<obfs4_connection*>(self); };
  one->above_ = bufferevent_filter_new(below, &input, &output, BEV_OPT_CLOSE_ON_FREE, destroy, one);
  if (one->above_ == nullptr) {
    delete one;
    bufferevent_free(below);
    return nullptr;
  }
  evbuffer_add_cb(bufferevent_get_output(one->above_), &obfs4_connection::on_added, one);
  evtimer_add(one->kick_.get(), &at_once);
  return one->above_;
}

void obfs4_connection::no_stranger_any_more() {
  if (std::exchange(stranger_, false)) front_.strangers_.erase(place_);
}

void obfs4_connection::shut() {
  no_stranger_any_more();
  if (const auto fd = bufferevent_getfd(below_); fd >= 0) ::shutdown(fd, SHUT_RDWR);
}

void obfs4_connection::wait(base::steady_time::duration how_long) {
  const auto us = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(how_long).count());
  const timeval interval{us / 1'000'000, static_cast<suseconds_t>(us % 1'000'000)};
  evtimer_add(timer_.get(), &interval);
}

void obfs4_connection::on_timer(evutil_socket_t, short, void* self) {
  auto& us = *static_cast<obfs4_connection*>(self);
  if (!us.session_) return us.shut();
  us.pausing_ = false;
  bufferevent_trigger(us.below_, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS); // goes on in `output`
}

// ---- from the client

bufferevent_filter_result obfs4_connection::input(evbuffer* from, evbuffer* to, ev_ssize_t limit,
                                                  bufferevent_flush_mode, void* self) {
  auto& us = *static_cast<obfs4_connection*>(self);
  if (!us.session_) us.hear(from);
  if (us.session_) return us.open_frames(from, to, limit < 0 ? max_unread : static_cast<std::size_t>(limit));
  evbuffer_drain(from, length(from)); // refused: read, and dropped
  return BEV_NEED_MORE;
}

void obfs4_connection::hear(evbuffer* from) {
  // Late: whatever it says now, it is a stranger.
  if (front_.clock_.steady() >= patience_.answer_until) shake_.reset();
  if (!shake_ || length(from) == 0) return;
  std::array<char, wire::obfs4_max_handshake + 1> bytes; // NOLINT: filled as far as it is used
  const auto got = evbuffer_remove(from, bytes.data(), std::min(bytes.size(), shake_->room() + 1));
  const std::string_view said(bytes.data(), static_cast<std::size_t>(std::max(got, 0)));
  switch (shake_->feed(said, front_.clock_.wall(), front_.clock_.steady(), front_.seen_)) {
  case verdict::more: return;
  case verdict::refused: return shake_.reset();
  case verdict::accepted: return answer();
  }
}

void obfs4_connection::answer() {
  const auto padding = crypto::random_bytes(crypto::random_below(wire::obfs4_max_response_padding + 1));
  auto answered = shake_->answer_with(front_.take_key(), padding);
  shake_.reset();
  if (!answered) return;
  session_.emplace(answered->keys, wire::obfs4_side::server, front_.who_.open.iat, crypto::random_array<24>(),
                   front_.shape_);
  const auto response = answered->bytes + session_->seed_frame(front_.who_.shape);
  bufferevent_write(below_, response.data(), response.size());
  evtimer_del(timer_.get());
  no_stranger_any_more();
  front_.how_.known(above_);
}

bufferevent_filter_result obfs4_connection::open_frames(evbuffer* from, evbuffer* to, std::size_t limit) {
  std::array<std::uint8_t, max_unread> plain; // NOLINT: filled by open
  const auto room = std::min(limit, plain.size());
  const auto size = std::min(length(from), max_unread);
  const auto* bytes = evbuffer_pullup(from, static_cast<ev_ssize_t>(size));
  if (bytes == nullptr) return BEV_NEED_MORE;
  const auto opened = session_->open({bytes, size}, std::span(plain).first(room));
  if (!opened) {
    evbuffer_drain(from, length(from));
    shut();
    return BEV_ERROR;
  }
  evbuffer_drain(from, opened->consumed);
  evbuffer_add(to, plain.data(), opened->produced);
  return opened->produced > 0 ? BEV_OK : BEV_NEED_MORE;
}

// ---- to the client

/// evhttp adds head and body one after the other, and only then enables writing, which wakes no filter. So an answer is
/// begun in the loop's next turn, as one burst.
void obfs4_connection::on_added(evbuffer*, const evbuffer_cb_info* what, void* self) {
  auto& us = *static_cast<obfs4_connection*>(self);
  if (what->n_added > 0) evtimer_add(us.kick_.get(), &at_once);
}

void obfs4_connection::on_kick(evutil_socket_t, short, void* self) {
  auto& us = *static_cast<obfs4_connection*>(self);
  // Whatever evhttp has set: time is kept by us, and libevent 2.1 starts a filter's timers again while it is being
  // freed.
  bufferevent_set_timeouts(us.above_, nullptr, nullptr);
  if (!us.session_ || length(bufferevent_get_output(us.above_)) == 0) return;
  us.kicked_ = true;
  bufferevent_trigger(us.below_, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS); // the filter takes it for room to write
}

/// What is taken from evhttp leaves its buffer only when the kernel has all of it: evhttp closes a connection as soon
/// as its buffer is empty, and what the buffer below still held would be lost.
bufferevent_filter_result obfs4_connection::output(evbuffer* from, evbuffer* to, ev_ssize_t, bufferevent_flush_mode,
                                                   void* self) {
  auto& us = *static_cast<obfs4_connection*>(self);
  if (!us.session_ || !us.kicked_ || us.pausing_ || length(to) > 0) return BEV_NEED_MORE;
  if (us.piece_ < us.burst_.pieces.size()) {
    us.write_piece(to);
    return BEV_NEED_MORE;
  }
  if (us.sealed_ > 0) {
    us.burst_ = {}; // an idle connection holds none
    us.piece_ = us.written_ = 0;
    us.kicked_ = us.sealed_ < length(from);
    evbuffer_drain(from, std::exchange(us.sealed_, 0));
    return BEV_OK;
  }
  const auto whole = length(from), size = std::min(whole, burst_payload);
  const auto* bytes = evbuffer_pullup(from, static_cast<ev_ssize_t>(size));
  if (bytes == nullptr || size == 0) return BEV_NEED_MORE;
  us.session_->seal({reinterpret_cast<const char*>(bytes), size}, size == whole, us.burst_);
  us.sealed_ = size;
  us.write_piece(to);
  return BEV_NEED_MORE;
}

/// The next piece; behind it a pause, in the iat modes.
void obfs4_connection::write_piece(evbuffer* to) {
  const auto [size, pause] = burst_.pieces[piece_++];
  evbuffer_add(to, burst_.bytes.data() + written_, size);
  written_ += size;
  if (pause.count() == 0) return;
  pausing_ = true;
  wait(pause);
}

} // namespace landfall::server
