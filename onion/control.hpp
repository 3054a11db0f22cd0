// control: one authenticated connection to a tor's control port (control-spec.txt), a small library of its own.
//
//   auto tor = co_await control::open({.where = endpoint});        PROTOCOLINFO, then the best proof that it takes
//   auto info = co_await tor->get_info("status/bootstrap-phase");  a command, its answer
//   auto event = co_await tor->next_event();                       what SETEVENTS asked for
//
// Used by one coroutine at a time: one verb after the other. Events that come before an answer are kept for
// `next_event`, the oldest given up beyond max_kept_events. Every verb ends with `cancelled` soon after it was
// cancelled; that, a deadline or a failure in mid-answer leaves a connection of no more use: `closed()`, and every
// later verb fails, once `next_event` has given what was kept.
//
// Errors of all verbs: refused, unreachable, timed_out(request) (control_answer_time), reset_before_hello (the other
// side closed), malformed and too_large (it is no control port), proxy_failed (tor refuses: the status is in the text),
// local_error (the cookie file), cancelled.
#pragma once

#include "onion/local.hpp"
#include "wire/control.hpp"

#include <chrono>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace landfall::onion {

/// tor answers a command at once; ADD_ONION and SETCONF, its slowest, take some tens of milliseconds.
inline constexpr std::chrono::seconds control_answer_time{10};
inline constexpr std::size_t max_kept_events = 256;

struct control_options {
  local_place where;
  base::secret password{}; ///< empty: not tried
  /// The cookie of a tor that we started. Empty: the file that PROTOCOLINFO names.
  std::filesystem::path cookie_file{};
};

/// A tor's cookie: a regular file of 32 bytes that is no link, owned by us, root, or the owner of its folder. Whoever
/// answers on the port may have chosen the path.
/// Errors: local_error, saying which of these it is not.
[[nodiscard]] result<base::secret> read_cookie(const std::filesystem::path& file);

/// What ADD_ONION takes and gives.
struct onion_service {
  /// "ED25519-V3:<base64>" to have this address, empty for a new one.
  base::secret key{};
  std::vector<std::pair<std::uint16_t, std::string>> ports{}; ///< virtual port, and where it leads: "127.0.0.1:8080"
  std::vector<std::string> client_keys{};                     ///< base32 x25519 public keys; empty: anybody
  bool defended = true;                                       ///< tor's own proof of work, where this tor knows it
};
struct onion_added {
  std::string id;     ///< the address without ".onion"
  base::secret key{}; ///< of a new service: to be kept
};

class control {
public:
  /// Connects and authenticates: nothing, SAFECOOKIE, the password, COOKIE, the first of these that is offered and
  /// possible. Plain COOKIE tells the cookie to whoever answers: last, and only for a file that the options name.
  [[nodiscard]] static awaitable<result<std::unique_ptr<control>>> open(control_options options);
  /// The same over a stream that stands, for tests.
  [[nodiscard]] static awaitable<result<std::unique_ptr<control>>> over(net::stream_ptr stream,
                                                                        control_options options);

  /// A command line without its end, already quoted. A 2xx answer, or proxy_failed.
  [[nodiscard]] awaitable<result<wire::control_reply>> ask(std::string command);
  [[nodiscard]] awaitable<result<wire::control_reply>> next_event();

  [[nodiscard]] awaitable<result<std::string>> get_info(std::string key);
  /// A key may come more than once; all its values are set together.
  [[nodiscard]] awaitable<result<void>> set_conf(std::vector<std::pair<std::string, std::string>> values);
  [[nodiscard]] awaitable<result<void>> set_events(std::vector<std::string> names);
  [[nodiscard]] awaitable<result<void>> signal(std::string name); ///< "SHUTDOWN", "NEWNYM"
  [[nodiscard]] awaitable<result<onion_added>> add_onion(onion_service service);
  [[nodiscard]] awaitable<result<void>> del_onion(std::string id);
  [[nodiscard]] awaitable<result<void>> take_ownership(); ///< tor ends when this connection does
  /// `id` without ".onion"; `key` as tor's own files have it, base32 of an x25519 private key.
  [[nodiscard]] awaitable<result<void>> add_client_auth(std::string id, base::secret key);
  [[nodiscard]] awaitable<result<void>> remove_client_auth(std::string id);

  [[nodiscard]] const std::string& version() const noexcept { return version_; } ///< "0.4.9.11"
  [[nodiscard]] bool closed() const noexcept { return dead_.has_value(); }
  [[nodiscard]] std::uint64_t events_lost() const noexcept { return lost_; }
  void close() noexcept;

private:
  explicit control(net::stream_ptr stream) : stream_(std::move(stream)) {}
  awaitable<result<void>> authenticate(control_options options);
  awaitable<result<std::string>> proof_of(wire::protocol_info info, control_options options);
  awaitable<result<std::string>> cookie_proof(std::filesystem::path file, bool safe);
  awaitable<result<void>> said(std::string command);
  awaitable<result<wire::control_reply>> answer_to(std::string command);
  awaitable<result<wire::control_reply>> exchange(std::string line);
  awaitable<result<wire::control_reply>> read(bool event);
  result<void> keep_events();
  void keep_event(wire::control_reply event);

  net::stream_ptr stream_;
  wire::control_parser parser_;
  std::deque<wire::control_reply> events_;
  std::uint64_t lost_ = 0;
  std::string version_;
  std::optional<base::failure> dead_;
};

} // namespace landfall::onion
