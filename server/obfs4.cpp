#include "server/obfs4.hpp"

#include "crypto/hash.hpp"
#include "server/obfs4_connection.hpp"

#include <utility>

namespace landfall::server {

namespace {
// A burst of so many clients waits for no key; 2 KB.
constexpr std::size_t keys_ahead = 16;
constexpr timeval at_once{0, 0};

} // namespace

obfs4_front::obfs4_front(event_base* base, wire::obfs4_identity who, settings how, const base::clock& clock)
    : base_(base), who_(std::move(who)), how_(std::move(how)), clock_(clock),
      shape_(std::make_shared<const wire::obfs4_shape>(who_.shape)), seen_(crypto::random_array<16>()),
      key_maker_(evtimer_new(base, &obfs4_front::make_key, this)) {
  evtimer_add(key_maker_.get(), &at_once);
}

obfs4_front::~obfs4_front() = default;

bufferevent* obfs4_front::open() {
  auto* one = obfs4_connection::make(*this);
  // To evhttp it looks as if that client had left.
  if (one != nullptr && strangers_.size() > how_.max_strangers) strangers_.front()->shut();
  return one;
}

crypto::hidden_key_pair obfs4_front::take_key() {
  evtimer_add(key_maker_.get(), &at_once);
  if (keys_.empty()) return crypto::make_hidden_key_pair();
  auto out = std::move(keys_.back());
  keys_.pop_back();
  return out;
}

/// One for each turn of the loop, so that what else is ready is not kept waiting by a whole pool.
void obfs4_front::make_key(evutil_socket_t, short, void* self) {
  auto& us = *static_cast<obfs4_front*>(self);
  if (us.keys_.size() >= keys_ahead) return;
  us.keys_.push_back(crypto::make_hidden_key_pair());
  evtimer_add(us.key_maker_.get(), &at_once);
}

} // namespace landfall::server
