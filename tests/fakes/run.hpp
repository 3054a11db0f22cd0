// Runs one coroutine to its end on an io_context of its own; what it leaves behind is then destroyed with the context.
#pragma once

#include "net/scope.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <utility>

namespace landfall::fakes {

namespace asio = boost::asio;

/// No test waits longer: what hangs fails by name.
inline constexpr std::chrono::seconds patience{60};

namespace detail {
template <class T> asio::awaitable<void> keep(asio::awaitable<T> what, std::optional<T>& out) {
  co_await asio::this_coro::throw_if_cancelled(false);
  T value = co_await std::move(what);
  out.emplace(std::move(value));
}
} // namespace detail

/// What the coroutine returns; what it throws is thrown.
template <class T> T run_on(asio::io_context& context, asio::awaitable<T> what) {
  std::optional<T> out;
  std::exception_ptr thrown;
  auto completion = [&](std::exception_ptr e) { thrown = std::move(e); };
  asio::co_spawn(context, detail::keep(std::move(what), out), std::move(completion));
  context.restart();
  context.run_for(patience);
  if (thrown) std::rethrow_exception(thrown);
  REQUIRE_MESSAGE(out, "the coroutine hung");
  REQUIRE_MESSAGE(context.stopped(), "something is still waiting after the coroutine has ended");
  return std::move(*out);
}

template <class T> T run(asio::awaitable<T> what) {
  asio::io_context context;
  return run_on(context, std::move(what));
}

/// Counts coroutines: an object of it is a local variable of each, so `living` is 0 when all have ended.
struct alive {
  explicit alive(int& living) : living_(living) { ++living_; }
  ~alive() { --living_; }
  alive(const alive&) = delete;
  alive& operator=(const alive&) = delete;

private:
  int& living_;
};

} // namespace landfall::fakes
