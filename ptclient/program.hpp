// program: one managed proxy of [[transport]] as its parent sees it (pt-spec 1): started when first asked for, kept for
// as long as it lives, started again (with other ports) when it is asked for after its death.
//
//   idle ──asked──▶ starting ──CMETHODS DONE──▶ ready ──ends──▶ paused ──asked, pause over──▶ starting …
//                      └────────── fails ─────────────────────────▲
//
// What it says is wire::pt_parent's to judge; this runs the process: both outputs read for ever, only stdout believed,
// no line longer than max_pt_line held, its words told as events at a bounded pace. Its environment is made from
// nothing: a TOR_PT_* of ours (we may be somebody's managed proxy ourselves) would be taken for its own.
#pragma once

#include "base/clock.hpp"
#include "net/child_process.hpp"
#include "wire/pt_parent.hpp"

#include <boost/asio/steady_timer.hpp>

#include <functional>

namespace landfall::ptclient {

namespace asio = boost::asio;
using net::awaitable;
using net::result;

/// Of a program's life, for whoever watches. What it says itself may name bridges: `said` does not print.
struct transport_event {
  enum class kind : std::uint8_t { started, ready, failed, ended, unconfined, refused, status, log, log_dropped };
  std::string transport; ///< the one meant, else the program's first
  kind what = kind::started;
  std::string detail; ///< ours: why, which severity, how many
  base::sensitive<std::string> said{};
};
[[nodiscard]] std::string_view name(transport_event::kind what) noexcept;
using tell_fn = std::function<void(transport_event)>;

struct program_limits {
  std::chrono::milliseconds start{30'000};                         ///< until CMETHODS DONE (Arti's; tor has none)
  std::chrono::milliseconds first_pause{1000}, last_pause{60'000}; ///< doubles from the one to the other
  std::chrono::milliseconds steady{60'000}; ///< ready for so long: its end begins the pauses anew
  net::patience end{};
};

struct program_options {
  std::vector<std::string> names, exec;
  std::filesystem::path folder;         ///< its state; made, 0700, when it is started
  base::sensitive<std::string> proxy{}; ///< TOR_PT_PROXY; empty: none
  tell_fn tell{};
  program_limits limits{};
};

class program {
public:
  program(asio::any_io_executor executor, program_options options);

  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return options_.names; }
  /// For as long as it is to run; without it `method` fails. Ends when cancelled, after the process has.
  [[nodiscard]] awaitable<void> run();
  /// Where the transport's SOCKS5 listens; starts the program where needed. Errors: timed_out (it did not get ready),
  /// proxy_failed (it ended, failed, refused the transport, or waits out a pause), local_error (it cannot be started),
  /// cancelled.
  [[nodiscard]] awaitable<result<wire::pt_method>> method(std::string transport);
  /// Its process; nullopt: none now.
  [[nodiscard]] std::optional<pid_t> pid() const noexcept { return pid_; }

private:
  enum class state : std::uint8_t { idle, starting, ready, paused };
  struct life; ///< one process and what it said

  [[nodiscard]] awaitable<base::failure> live();
  [[nodiscard]] awaitable<base::failure> converse(life& now);
  [[nodiscard]] awaitable<void> read_lines(life& now);
  [[nodiscard]] awaitable<void> drain(life& now);
  [[nodiscard]] awaitable<void> watch(life& now);
  void take(life& now, std::string_view line);
  void report(wire::pt_parent::event happened);
  [[nodiscard]] std::vector<std::string> environment() const;
  [[nodiscard]] base::failure why_ended(const life& now) const;
  void pause(base::failure why, bool was_steady);
  void tell(transport_event::kind what, std::string detail = {}, std::string said = {},
            std::string transport = {}) const;

  program_options options_;
  asio::steady_timer changed_; ///< cancelled whenever the state changes
  state state_ = state::idle;
  bool running_ = false, wanted_ = false;
  wire::pt_parent talk_;
  wire::pt_log_limit told_;
  base::failure failed_;
  base::steady_time again_at_{};
  int failures_ = 0;
  std::optional<pid_t> pid_;
};

} // namespace landfall::ptclient
