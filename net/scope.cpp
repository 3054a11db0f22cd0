#include "net/scope.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace landfall::net {

namespace {
constexpr std::chrono::milliseconds first_repeat{1}, last_repeat{100};
} // namespace

scope::scope(asio::any_io_executor executor) : executor_(std::move(executor)), timer_(executor_) {}

awaitable<void> scope::run(child& self, awaitable<void> body) {
  self.begun = true;
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await std::move(body);
}

std::size_t scope::spawn(awaitable<void> body) {
  forget_ended();
  const auto id = next_id_++;
  auto& self = children_[id];
  ++running_;
  auto completion = [this, id, &self](std::exception_ptr thrown) { on_end(id, self, std::move(thrown)); };
  asio::co_spawn(executor_, run(self, std::move(body)),
                 asio::bind_cancellation_slot(self.signal.slot(), std::move(completion)));
  return id;
}

void scope::on_end(std::size_t id, child& self, std::exception_ptr thrown) {
  self.ended = true; // forgotten later: its signal is still in use by the completion that called us
  ended_.push_back(id);
  --running_;
  if (self.stopping) --stopping_;
  const bool cancelled_before_it_began = !self.begun && self.stopping;
  if (thrown && !cancelled_before_it_began && !bug_) bug_ = std::move(thrown);
  poke();
}

void scope::forget_ended() {
  for (const auto id : ended_) children_.erase(id);
  ended_.clear();
}

void scope::cancel(std::size_t id) {
  const auto found = children_.find(id);
  if (found == children_.end() || found->second.ended) return;
  stop(found->second);
  found->second.signal.emit(asio::cancellation_type::terminal);
}

void scope::cancel() {
  for (auto& [id, self] : children_) stop(self);
  repeat_signals();
}

void scope::stop(child& self) {
  if (!self.ended && !std::exchange(self.stopping, true)) ++stopping_;
}

void scope::repeat_signals() {
  if (stopping_ == 0) return;
  for (auto& [id, self] : children_)
    if (!self.ended && self.stopping) self.signal.emit(asio::cancellation_type::terminal);
}

void scope::poke() {
  poked_ = true;
  timer_.cancel();
}

awaitable<void> scope::wait(base::steady_time until) {
  co_await asio::this_coro::throw_if_cancelled(false);
  for (auto pause = first_repeat; !std::exchange(poked_, false); pause = std::min(pause * 2, last_repeat)) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) break;
    timer_.expires_at(stopping_ > 0 ? std::min(until, now + pause) : until);
    const auto [ec] = co_await timer_.async_wait(as_result);
    if (std::exchange(poked_, false) || ec) break; // a child ended, or the caller was cancelled
    repeat_signals();
  }
  forget_ended();
}

awaitable<void> scope::join() {
  co_await asio::this_coro::throw_if_cancelled(false);
  while (running_ > 0) {
    const bool stop = co_await was_cancelled(); // not inside the if: g++ 12 then resumes into a trap
    if (stop) cancel();
    co_await wait();
  }
  forget_ended();
  if (bug_) std::rethrow_exception(std::exchange(bug_, nullptr));
}

} // namespace landfall::net
