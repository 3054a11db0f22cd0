#include "ptclient/program.hpp"

#include "base/file.hpp"
#include "net/scope.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace landfall::ptclient {

using base::fail;
using base::failure;
using base::outcome;
using base::stage;
using kind = transport_event::kind;
using net::as_result;

namespace {

base::steady_time now_in() { return std::chrono::steady_clock::now(); }

/// Last words come after the end of the process: the pipe still holds them.
constexpr std::chrono::milliseconds last_words{200};

/// Read to its end and forgotten: a program that writes to a full pipe stands still.
awaitable<void> drain_rest(asio::posix::stream_descriptor& from) {
  std::array<char, 4096> ignored{};
  for (;;) {
    const auto [ec, size] = co_await from.async_read_some(asio::buffer(ignored), as_result);
    if (ec) break;
  }
}

failure broken(std::string detail) { return fail(outcome::proxy_failed, std::move(detail), stage::proxy); }

} // namespace

std::string_view name(kind what) noexcept {
  switch (what) {
  case kind::started: return "started";
  case kind::ready: return "ready";
  case kind::failed: return "failed";
  case kind::ended: return "ended";
  case kind::unconfined: return "unconfined";
  case kind::refused: return "refused";
  case kind::status: return "status";
  case kind::log: return "log";
  case kind::log_dropped: return "log_dropped";
  }
  return {};
}

struct program::life {
  net::child_process& child;
  net::scope& readers;
  std::optional<failure> broke{}; ///< by what it said
  std::optional<int> exit{};
  bool silent = false; ///< stdout is at its end
};

program::program(asio::any_io_executor executor, program_options options)
    : options_(std::move(options)), changed_(executor, base::steady_time::max()), talk_({}, false) {}

awaitable<void> program::run() {
  co_await asio::this_coro::throw_if_cancelled(false);
  running_ = true;
  for (;;) {
    bool cancelled = co_await net::was_cancelled();
    while (!wanted_ && !cancelled) {
      (void)co_await changed_.async_wait(as_result);
      cancelled = co_await net::was_cancelled();
    }
    if (cancelled) break;
    wanted_ = false;
    state_ = state::starting;
    const auto began = now_in();
    auto why = co_await live();
    pid_.reset();
    const bool ended = why.what == outcome::cancelled;
    pause(std::move(why), now_in() - began >= options_.limits.steady);
    if (ended) break;
  }
  running_ = false;
  changed_.cancel();
}

void program::pause(failure why, bool was_steady) {
  const bool cancelled = why.what == outcome::cancelled;
  if (!cancelled) tell(talk_.ready() ? kind::ended : kind::failed, base::to_string(why));
  failed_ = std::move(why);
  failures_ = was_steady ? 0 : std::min(failures_ + 1, 16);
  const auto wait = failures_ == 0
                        ? std::chrono::milliseconds(0)
                        : std::min(options_.limits.first_pause * (1 << (failures_ - 1)), options_.limits.last_pause);
  again_at_ = now_in() + wait;
  state_ = state::paused;
  changed_.cancel();
}

awaitable<result<wire::pt_method>> program::method(std::string transport) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (state_ == state::paused && now_in() >= again_at_) state_ = state::idle;
  if (state_ == state::idle) {
    wanted_ = true;
    changed_.cancel();
  }
  while (running_ && (state_ == state::idle || state_ == state::starting)) {
    (void)co_await changed_.async_wait(as_result);
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) co_return fail(outcome::cancelled, {}, stage::proxy);
  }
  if (!running_) co_return fail(outcome::cancelled, "transports have ended", stage::proxy);
  if (state_ == state::ready) co_return talk_.method(transport);
  co_return failed_;
}

std::vector<std::string> program::environment() const {
  std::vector<std::string> out{
      "PATH=/usr/local/bin:/usr/bin:/bin",
      "HOME=" + options_.folder.string(),
      "TMPDIR=" + options_.folder.string(),
      "TOR_PT_MANAGED_TRANSPORT_VER=1",
      "TOR_PT_STATE_LOCATION=" + options_.folder.string(),
      "TOR_PT_EXIT_ON_STDIN_CLOSE=1",
      fmt::format("TOR_PT_CLIENT_TRANSPORTS={}", fmt::join(options_.names, ",")),
  };
  if (const auto& proxy = options_.proxy.reveal(); !proxy.empty()) out.push_back("TOR_PT_PROXY=" + proxy);
  return out;
}

awaitable<failure> program::live() {
  const auto executor = co_await asio::this_coro::executor;
  talk_ = wire::pt_parent({options_.names.begin(), options_.names.end()}, !options_.proxy.reveal().empty());
  if (auto made = base::private_folder(options_.folder); !made) co_return made.error();
  net::child_options how{options_.exec, environment(), options_.folder};
  auto starting = net::child_process::start(executor, std::move(how));
  auto child = co_await std::move(starting);
  if (!child) co_return child.error();
  pid_ = (*child)->pid();
  tell(kind::started);
  if (const auto walls = (*child)->enforced(); !walls.landlock || !walls.seccomp)
    tell(kind::unconfined,
         fmt::format("this kernel lacks{}{}", walls.landlock ? "" : " Landlock", walls.seccomp ? "" : " seccomp"));
  net::scope readers(executor);
  life now{**child, readers};
  readers.spawn(read_lines(now));
  readers.spawn(drain(now));
  readers.spawn(watch(now));
  auto why = co_await converse(now);
  // However we were ended, it gets its time: it may hold files and connections.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  (void)co_await now.child.stop(options_.limits.end); // while its outputs are still read
  readers.cancel();
  co_await readers.join();
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  co_return why;
}

awaitable<failure> program::converse(life& now) {
  const auto until = now_in() + options_.limits.start;
  bool cancelled = co_await net::was_cancelled();
  while (!cancelled && !now.broke && !now.exit) {
    if (state_ == state::starting && talk_.ready()) {
      state_ = state::ready;
      tell(kind::ready);
      changed_.cancel();
    }
    const bool starting = state_ == state::starting;
    if (starting && now_in() >= until)
      co_return fail(outcome::timed_out, "the program did not get ready in time", stage::proxy);
    co_await now.readers.wait(starting ? until : base::steady_time::max());
    cancelled = co_await net::was_cancelled();
  }
  const auto heard_by = now_in() + last_words;
  while (!cancelled && !now.broke && !now.silent && now_in() < heard_by) {
    co_await now.readers.wait(heard_by);
    cancelled = co_await net::was_cancelled();
  }
  if (cancelled) co_return fail(outcome::cancelled, {}, stage::proxy);
  co_return why_ended(now);
}

failure program::why_ended(const life& now) const {
  if (now.broke) return broken(now.broke->detail);
  return broken(fmt::format("the program ended {} (status {})",
                            talk_.ready() ? "after it had been ready" : "before it was ready", now.exit.value_or(0)));
}

awaitable<void> program::read_lines(life& now) {
  std::string buffer;
  for (;;) {
    auto [ec, size] = co_await asio::async_read_until(
        now.child.output(), asio::dynamic_buffer(buffer, wire::max_pt_line + 2), '\n', as_result);
    if (ec == asio::error::not_found) {
      now.broke = broken("it says a line without an end");
      break;
    }
    if (ec) break;
    take(now, std::string_view(buffer).substr(0, size - 1));
    buffer.erase(0, size);
    if (now.broke) break;
  }
  now.silent = true;
  if (now.broke) co_await drain_rest(now.child.output());
}

awaitable<void> program::drain(life& now) { co_await drain_rest(now.child.errors()); }

awaitable<void> program::watch(life& now) {
  auto status = co_await now.child.ended();
  if (status) now.exit = *status;
}

void program::take(life& now, std::string_view line) {
  auto happened = talk_.take(line);
  if (happened)
    report(std::move(*happened));
  else
    now.broke = happened.error();
  now.readers.poke();
}

void program::report(wire::pt_parent::event happened) {
  if (std::holds_alternative<std::monostate>(happened)) return;
  if (auto* refused = std::get_if<wire::pt_cmethod_error>(&happened)) {
    tell(kind::refused, {}, std::move(refused->message), std::move(refused->transport));
    return;
  }
  using std::chrono::milliseconds;
  const auto now_ms = std::chrono::duration_cast<milliseconds>(now_in().time_since_epoch()).count();
  const auto may = told_.judge(now_ms);
  if (may == wire::pt_log_limit::verdict::first_dropped) tell(kind::log_dropped, "it says more than anybody reads");
  if (may != wire::pt_log_limit::verdict::tell) return;
  if (auto* log = std::get_if<wire::pt_log>(&happened)) {
    tell(kind::log, std::move(log->severity), log->message.reveal());
  } else if (auto* status = std::get_if<wire::pt_status>(&happened)) {
    std::string said;
    for (const auto& [key, value] : status->pairs.reveal())
      said += fmt::format("{}{}={}", said.empty() ? "" : " ", key, value);
    tell(kind::status, {}, std::move(said), std::move(status->transport));
  }
}

void program::tell(kind what, std::string detail, std::string said, std::string transport) const {
  if (!options_.tell) return;
  if (transport.empty()) transport = options_.names.front();
  options_.tell({std::move(transport), what, std::move(detail), base::sensitive(std::move(said))});
}

} // namespace landfall::ptclient
