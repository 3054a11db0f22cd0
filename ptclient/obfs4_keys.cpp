#include "ptclient/obfs4_keys.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace landfall::ptclient {

obfs4_keys::obfs4_keys(net::asio::any_io_executor executor, std::size_t size)
    : executor_(std::move(executor)), size_(size) {
  pairs_.reserve(size);
}

std::shared_ptr<obfs4_keys> obfs4_keys::on(net::asio::any_io_executor executor, std::size_t size) {
  std::shared_ptr<obfs4_keys> out(new obfs4_keys(std::move(executor), size));
  out->refill();
  return out;
}

crypto::hidden_key_pair obfs4_keys::take() {
  refill();
  if (pairs_.empty()) return crypto::make_hidden_key_pair();
  auto out = std::move(pairs_.back());
  pairs_.pop_back();
  return out;
}

/// A turn for each, so that what else is ready is not kept waiting by a whole pool. Ends with the pool itself.
void obfs4_keys::refill() {
  if (refilling_) return;
  refilling_ = true;
  net::asio::post(executor_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->refilling_ = false;
    if (self->pairs_.size() >= self->size_) return;
    self->pairs_.push_back(crypto::make_hidden_key_pair());
    self->refill();
  });
}

} // namespace landfall::ptclient
