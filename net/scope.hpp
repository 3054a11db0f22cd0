// scope: the children of a coroutine. Owns their cancellation signals; nothing below it is left running when it ends.
//
// Asio's cancellation is an edge: an operation that completes in the same turn swallows it, and the next operation of
// that coroutine would wait undisturbed. So a scope repeats the signal to a cancelled child until the child has ended.
#pragma once

#include "base/clock.hpp"
#include "net/async.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <exception>
#include <map>
#include <vector>

namespace landfall::net {

/// Used by one coroutine, on one thread. That coroutine must `join` before it leaves the scope's block.
class scope {
public:
  explicit scope(asio::any_io_executor executor);

  /// Starts a child at once (within this call when called on the executor). The id is for `cancel`.
  std::size_t spawn(awaitable<void> child);

  void cancel(std::size_t id); ///< also after its end
  void cancel();               ///< all of them
  [[nodiscard]] std::size_t running() const noexcept { return running_; }
  /// A child threw, which is a bug of ours: cancel and join, and `join` throws it again.
  [[nodiscard]] bool failed() const noexcept { return bug_ != nullptr; }

  /// Until a child ends, `poke` is called, the time comes, or the caller is cancelled, whichever is first.
  awaitable<void> wait(base::steady_time until = base::steady_time::max());
  void poke();

  /// Returns when all children have ended, however often the caller is cancelled meanwhile; a cancellation of the
  /// caller is passed on to them. Throws what a child threw.
  awaitable<void> join();

private:
  struct child {
    asio::cancellation_signal signal;
    bool begun = false, ended = false, stopping = false;
  };
  static awaitable<void> run(child& self, awaitable<void> body);
  void on_end(std::size_t id, child& self, std::exception_ptr thrown);
  void forget_ended();
  void stop(child& self);
  void repeat_signals();

  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  std::map<std::size_t, child> children_;
  std::vector<std::size_t> ended_; ///< still in children_: who has thousands looks at no more than these
  std::size_t next_id_ = 0, running_ = 0, stopping_ = 0;
  bool poked_ = false;
  std::exception_ptr bug_;
};

} // namespace landfall::net
