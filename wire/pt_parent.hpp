// pt_parent: what a parent makes of a managed proxy's lines. Lines in, what happened out; no process, no clock.
//
//   VERSION 1 ▸ (PROXY DONE) ▸ CMETHOD | CMETHOD-ERROR … ▸ CMETHODS DONE         ready
//
// What concerns one transport stays with it: CMETHOD-ERROR, an address that is not loopback (a program must not send us
// elsewhere), one that is offered twice, one that was never offered. What concerns the program fails it: no version of
// ours, ENV-ERROR, PROXY-ERROR, methods before PROXY DONE when a proxy was set (fail closed: it may not know of it), a
// line that is not UTF-8 or has no end, or max_noise lines of no protocol.
#pragma once

#include "wire/pt_line.hpp"

#include <map>
#include <set>

namespace landfall::wire {

/// Where a transport's SOCKS5 listens: loopback, always.
struct pt_method {
  std::string address;
  std::uint16_t port = 0;
  friend bool operator==(const pt_method&, const pt_method&) = default;
};

class pt_parent {
public:
  static constexpr int max_noise = 64; ///< lines of no keyword of ours before it is ready; real programs say none

  pt_parent(std::set<std::string> asked, bool proxy) : asked_(std::move(asked)), proxy_(proxy) {}

  /// What is worth telling; nothing for most lines.
  using event = std::variant<std::monostate, pt_log, pt_status, pt_cmethod_error>;
  /// Errors are the program's end: proxy_failed (it said so, or broke the order), malformed, too_large. Once it is
  /// ready nothing it says is an error but a line without an end.
  [[nodiscard]] base::result<event> take(std::string_view line);

  [[nodiscard]] bool ready() const noexcept { return ready_; }
  /// Errors: proxy_failed, and why: refused by the program, not loopback, twice, not SOCKS5, not offered.
  [[nodiscard]] base::result<pt_method> method(const std::string& transport) const;

private:
  [[nodiscard]] base::result<event> take_early(pt_line line);
  void offered(const pt_cmethod& line);
  [[nodiscard]] base::result<event> offered_none(pt_cmethod_error line);
  [[nodiscard]] base::failure out_of_order(std::string_view what) const;

  std::set<std::string> asked_;
  bool proxy_, version_ = false, proxy_done_ = false, ready_ = false;
  int noise_ = 0;
  std::map<std::string, pt_method> methods_;
  std::map<std::string, std::string> refused_; ///< transport: why
};

/// What a chatty program may tell: `burst` lines at once, and one more every `pace`; the rest is dropped (Arti does,
/// too). Times are any steady count of milliseconds.
class pt_log_limit {
public:
  static constexpr std::int64_t burst = 20, pace_ms = 1000;
  enum class verdict : std::uint8_t { tell, first_dropped, dropped };
  [[nodiscard]] verdict judge(std::int64_t now_ms);

private:
  std::int64_t full_at_ms_ = 0; ///< when the whole burst is there again
  bool dropping_ = false;
};

} // namespace landfall::wire
