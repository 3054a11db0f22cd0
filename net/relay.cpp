#include "net/relay.hpp"

#include "net/scope.hpp"
#include "net/tcp_pump.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace landfall::net {

namespace {

using tcp = asio::ip::tcp;

struct relay_state {
  relayed own;
  relayed* bytes = &own;
  base::steady_time last = std::chrono::steady_clock::now(); ///< when the last byte moved
  std::optional<base::failure> failed;
};

/// Buffers of those that have bytes in hand; a few are kept, so that a busy thread does not ask for them each time.
class lent_buffer {
public:
  static constexpr std::size_t size = 64 * 1024;
  lent_buffer() {
    if (kept().empty()) {
      bytes_.reset(new char[size]);
    } else {
      bytes_ = std::move(kept().back());
      kept().pop_back();
    }
  }
  ~lent_buffer() {
    if (kept().size() < most_kept) kept().push_back(std::move(bytes_));
  }
  lent_buffer(const lent_buffer&) = delete;
  lent_buffer& operator=(const lent_buffer&) = delete;
  [[nodiscard]] char* data() noexcept { return bytes_.get(); }

private:
  static constexpr std::size_t most_kept = 4;
  static std::vector<std::unique_ptr<char[]>>& kept() {
    static thread_local std::vector<std::unique_ptr<char[]>> buffers;
    return buffers;
  }
  std::unique_ptr<char[]> bytes_;
};

/// One buffer's worth. True when `from` has ended.
awaitable<result<bool>> pass_on(stream& from, stream& to, relay_state& state, std::uint64_t& count) {
  lent_buffer buffer;
  const auto into = asio::buffer(buffer.data(), lent_buffer::size);
  const auto size = co_await from.read_some(into);
  if (!size) co_return size.error();
  if (*size == 0) co_return true;
  state.last = std::chrono::steady_clock::now();
  const auto out = asio::buffer(buffer.data(), *size);
  const auto written = co_await to.write(out);
  if (!written) co_return written.error();
  count += *size;
  state.last = std::chrono::steady_clock::now();
  co_return false;
}

awaitable<void> pump(stream& from, stream& to, relay_state& state, std::uint64_t& count) {
  result<bool> ended = false;
  while (ended && !*ended) {
    const auto waited = co_await from.readable();
    if (!waited) {
      ended = waited.error();
      break;
    }
    ended = co_await pass_on(from, to, state, count);
  }
  if (!ended && !state.failed) state.failed = ended.error();
  to.end_writing();
}

awaitable<void> pump_plain(tcp::socket& from, tcp::socket& to, relay_state& state, std::uint64_t& count) {
  tcp_pump way;
  auto wants = tcp_pump::wants::readable;
  error_code ec;
  while (!ec && wants != tcp_pump::wants::nothing) {
    auto& who = wants == tcp_pump::wants::writable ? to : from;
    const auto what = wants == tcp_pump::wants::writable ? tcp::socket::wait_write : tcp::socket::wait_read;
    ec = std::get<0>(co_await who.async_wait(what, as_result));
    if (ec) break;
    wants = way.run(from.native_handle(), to.native_handle(), count);
    state.last = std::chrono::steady_clock::now();
    if (wants == tcp_pump::wants::failed) ec = way.error();
  }
  if (ec && !state.failed) state.failed = failure_of(ec, base::stage::body);
  to.shutdown(tcp::socket::shutdown_send, ec); // the other end may be gone already
}

void spawn_both(scope& directions, stream& a, stream& b, relay_state& state) {
  auto *const left = a.plain(), *const right = b.plain();
  if (left != nullptr && right != nullptr) {
    directions.spawn(pump_plain(*left, *right, state, state.bytes->sent));
    directions.spawn(pump_plain(*right, *left, state, state.bytes->received));
  } else {
    directions.spawn(pump(a, b, state, state.bytes->sent));
    directions.spawn(pump(b, a, state, state.bytes->received));
  }
}

} // namespace

awaitable<result<relayed>> relay(stream& a, stream& b, relay_limits limits, relayed* moved) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto executor = co_await asio::this_coro::executor;
  relay_state state;
  if (moved != nullptr) state.bytes = moved;
  scope directions(executor);
  spawn_both(directions, a, b, state);
  bool cancelled = co_await was_cancelled(), idle = false;
  while (directions.running() > 0 && !state.failed && !cancelled && !idle) {
    co_await directions.wait(state.last + limits.idle);
    cancelled = co_await was_cancelled();
    idle = std::chrono::steady_clock::now() - state.last >= limits.idle;
  }
  const bool over = directions.running() == 0; // both ended just as the time ran out: not idle
  const auto failed = state.failed;            // before the cancellation of the other direction looks like one
  directions.cancel();
  co_await directions.join();
  a.close();
  b.close();
  const bool late = co_await was_cancelled();
  if (cancelled || late) co_return base::fail(base::outcome::cancelled, {}, base::stage::body);
  if (failed) co_return *failed;
  if (idle && !over) co_return base::fail(base::outcome::timed_out, "both directions were silent", base::stage::body);
  co_return *state.bytes;
}

} // namespace landfall::net
