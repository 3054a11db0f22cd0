#include "sidecar/events.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace landfall::sidecar {

event_bus::listening::listening(event_bus& bus, listener who)
    : bus_(bus), place_(bus.listeners_.insert(bus.listeners_.end(), std::move(who))) {}

event_bus::listening::~listening() { bus_.listeners_.erase(place_); }

std::int64_t event_bus::now_ms() {
  using std::chrono::milliseconds;
  const auto since = std::chrono::duration_cast<milliseconds>(clock_.steady() - steady_).count();
  std::int64_t now = wall_ * 1000 + since;
  // The wall clock was set while we ran: follow it.
  if (const auto wall = clock_.wall(); std::abs(wall - now / 1000) > 2) {
    wall_ = wall;
    steady_ = clock_.steady();
    now = wall * 1000;
  }
  return now;
}

void event_bus::publish(std::string name, boost::json::object data) {
  event happened{std::move(name), {{"at", now_ms()}}};
  for (auto& member : data) happened.data.insert_or_assign(member.key(), std::move(member.value()));
  for (const auto& tell : listeners_) tell(happened);
}

event_queue::event_queue(event_bus& bus, net::asio::any_io_executor executor)
    : bus_(bus), arrived_(std::move(executor)), listening_(bus, [this](const event& happened) { take(happened); }) {}

void event_queue::take(const event& happened) {
  if (waiting_.size() >= capacity) {
    ++bus_.lost_;
    return;
  }
  waiting_.push_back(server_sent(happened));
  arrived_.notify();
}

net::awaitable<net::result<std::string>> event_queue::next() {
  while (waiting_.empty()) {
    if (closed_) co_return base::fail(base::outcome::cancelled);
    const auto woken = co_await arrived_.wait();
    if (!woken) co_return woken.error();
  }
  std::string text = std::move(waiting_.front());
  waiting_.pop_front();
  co_return text;
}

void event_queue::close() {
  closed_ = true;
  arrived_.notify();
}

std::string server_sent(const event& happened) {
  return fmt::format("event: {}\ndata: {}\n\n", happened.name, boost::json::serialize(happened.data));
}

} // namespace landfall::sidecar
