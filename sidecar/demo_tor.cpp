#include "sidecar/demo_tor.hpp"

#include "base/file.hpp"
#include "net/deadline.hpp"
#include "net/scope.hpp"

#include <fmt/format.h>

#include <array>

namespace landfall::sidecar {

using net::awaitable;
using net::result;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t longest_memory = 4096; ///< of what it said: its last twenty lines
constexpr auto between_looks = 50ms;
/// Nothing of it is kept, so there is nothing to wait for.
constexpr net::patience ending{0ms, 300ms};

net::child_options command_of(const demo_tor_place& place) {
  net::child_options how;
  how.command = {"tor", "--defaults-torrc", place.empty().string(), "-f", place.torrc().string()};
  how.environment = {"HOME=" + place.folder.string(), "PATH=/usr/local/bin:/usr/bin:/bin"};
  how.folder = place.folder;
  return how;
}

} // namespace

awaitable<result<std::unique_ptr<demo_tor>>> demo_tor::start(net::asio::any_io_executor executor, demo_tor_place place,
                                                             std::string torrc) {
  auto written = base::write_scratch(place.torrc(), torrc);
  if (written) written = base::write_scratch(place.empty(), "");
  if (!written) co_return written.error();
  auto starting = net::child_process::start(executor, command_of(place));
  auto child = co_await std::move(starting);
  if (!child && child.error().what == base::outcome::cancelled) co_return child.error();
  if (!child) co_return base::fail(base::outcome::local_error, "tor: " + child.error().detail);
  co_return std::unique_ptr<demo_tor>(new demo_tor(executor, std::move(place), std::move(*child)));
}

awaitable<void> demo_tor::keep() {
  net::scope readers(executor_);
  readers.spawn(listen(child_->output()));
  readers.spawn(listen(child_->errors()));
  const auto status = co_await child_->ended();
  ended_ = status.has_value();
  co_await net::asio::this_coro::reset_cancellation_state(net::asio::disable_cancellation()); // it ends before we do
  (void)co_await child_->stop(ending);
  co_await net::asio::this_coro::reset_cancellation_state(net::asio::enable_terminal_cancellation());
  readers.cancel();
  co_await readers.join();
  if (ended_) (void)co_await never_.wait(); // the others live on, and whoever asks it for something is told
}

awaitable<void> demo_tor::listen(net::asio::posix::stream_descriptor& from) {
  std::array<char, 4096> buffer;
  for (;;) {
    const auto into = net::asio::buffer(buffer);
    const auto [ec, size] = co_await from.async_read_some(into, net::as_result);
    if (ec) co_return;
    said_.append(buffer.data(), size);
    if (said_.size() > longest_memory) said_.erase(0, said_.size() - longest_memory);
  }
}

awaitable<result<std::unique_ptr<onion::control>>> demo_tor::control() {
  for (;;) {
    onion::control_options options{place_.control(), {}, place_.cookie()};
    auto opening = onion::control::open(std::move(options));
    auto opened = co_await std::move(opening);
    if (opened || opened.error().what == base::outcome::cancelled) co_return opened;
    if (ended_) co_return base::fail(base::outcome::local_error, place_.name + " has ended");
    const auto rested = co_await net::sleep_for(between_looks);
    if (!rested) co_return rested.error();
  }
}

} // namespace landfall::sidecar
