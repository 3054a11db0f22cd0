// tor: the tor that onion routes and tunnels go through: one that we start, or one that runs already.
//
//   idle ──somebody asks──▶ starting ──control port──▶ bootstrapping ──100 %──▶ ready ──it ends──┐
//                              ▲                             │ ends                              │
//                              └── asked again, backoff over ┴───────────── failed ◀─────────────┘
//
//   managed   a child of ours: started when the race first reaches it, DisableNetwork until everything is set, its
//             folder kept across runs; it ends with us, whatever happens to us
//   control   a tor of the system's: its SOCKS listener is asked for; keys that we add are taken back at the end, and
//             nothing else of it is changed. Where its control connection ends after 100 %, streams go on through its
//             SOCKS port; the connection is sought again, with the same backoff, and gets the keys again
//   socks     a SOCKS listener and nothing more: whether it is ready shows when it is used
//
// One keeper coroutine (`run`) owns the process and the control connection; lanes wait for what it finds.
#pragma once

#include "base/clock.hpp"
#include "net/child_process.hpp"
#include "net/notifier.hpp"
#include "net/stream.hpp"
#include "onion/client_key.hpp"
#include "onion/control.hpp"
#include "onion/torrc.hpp"
#include "wire/socks5.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace landfall::onion {

using phase_fn = std::function<void(const wire::bootstrap_phase&)>;

struct managed_tor {
  tor_folder folder;
  std::string program = "tor";
  tor_ways ways{};
  std::string more{};                            ///< lines of a laboratory's torrc
  std::vector<std::filesystem::path> readable{}; ///< what its transports are, besides the usual folders
};
struct control_tor {
  asio::ip::tcp::endpoint where;
};
struct socks_tor {
  asio::ip::tcp::endpoint where;
};

struct tor_options {
  std::variant<managed_tor, control_tor, socks_tor> kind;
  std::vector<client_key> keys{};
  /// How long `open` waits for 100 %: less than an onion lane has (90 s), so that what it fails with says how far tor
  /// came.
  std::chrono::milliseconds bootstrap{75'000};
  /// Without a new phase for so long, optional bridges are left out, or taken again: a list may be older than its
  /// bridges lived. A bridge that works tells phases every few seconds; twice this fits into `bootstrap`.
  std::chrono::milliseconds stuck{25'000};
  std::chrono::milliseconds circuit{4'000};
  std::size_t circuits = 5;
  /// And all of them: what has not come to stand then will not, and the rest of an onion lane is better spent saying
  /// so.
  std::chrono::milliseconds circuits_in_all{45'000};
  phase_fn tell{}; ///< every phase of a bootstrap
};

class tor {
public:
  tor(asio::any_io_executor executor, tor_options options);
  ~tor(); ///< `run` must have ended
  tor(const tor&) = delete;
  tor& operator=(const tor&) = delete;

  /// The keeper: until cancelled. Starts nothing before somebody asks. At its end the child has ended.
  [[nodiscard]] awaitable<void> run();

  /// A stream through tor; starts it where needed. `isolation`: streams with different words share no circuit. `tell`
  /// hears how far tor is, until it is ready. Where no circuit stands within `circuit`, another one is tried beside it,
  /// and so on up to `circuits` of them, the first that stands is taken: a rendezvous now and then hangs for a minute,
  /// and a new one takes a second; but over a slow bridge it is the first that comes first. All of them together have
  /// `circuits_in_all`.
  /// Errors: tor_bootstrap (it did not start, came to nothing, or not to 100 % in time: the phase is in the text);
  /// those of the way behind it at stage proxy (`wire::failure_of`); cancelled.
  [[nodiscard]] awaitable<result<net::stream_ptr>> open(wire::socks_destination to, std::string isolation,
                                                        phase_fn tell = {});

  /// What cut a stream that `open` gave, as far as can be told: no censor sees into it, so never a class that blames
  /// one. proxy_failed: tor has ended; else unreachable, of the destination; other failures as they are.
  [[nodiscard]] awaitable<base::failure> judge(base::failure why);

  /// What a tor of ours goes by from now on, such as bridges that a list has just brought: set at once where it runs,
  /// streams that stand left alone, else at its next start; so also optional bridges while it is ready without them. A
  /// tor of others is left as it is.
  void use(tor_ways ways);
  /// nullptr: of a tor of others.
  [[nodiscard]] const tor_ways* ways() const noexcept;

  [[nodiscard]] bool started() const noexcept { return starts_ > 0; }
  [[nodiscard]] const std::optional<wire::bootstrap_phase>& phase() const noexcept { return phase_; }
  [[nodiscard]] std::optional<pid_t> child() const noexcept { return child_; }

private:
  enum class state : std::uint8_t { idle, starting, ready, failed };

  awaitable<result<void>> keep(managed_tor& what);
  awaitable<result<void>> keep(control_tor& what);
  awaitable<result<void>> keep(socks_tor& what);
  awaitable<result<void>> keep_child(managed_tor& what, net::child_process& child);
  awaitable<result<std::unique_ptr<control>>> first_contact(managed_tor& what, net::child_process& child);
  awaitable<result<void>> configure(control& connection);
  awaitable<result<void>> bootstrap(control& connection);
  [[nodiscard]] base::steady_time turn() const;
  awaitable<result<std::optional<wire::control_reply>>> event_or_new_ways(control& connection);
  awaitable<result<void>> add_keys(control& connection);
  awaitable<result<void>> until_ready(phase_fn tell);
  awaitable<result<net::stream_ptr>> connect(wire::socks_destination to, std::string isolation);
  awaitable<result<net::stream_ptr>> first_circuit(wire::socks_destination to, std::string isolation);
  void at(const wire::bootstrap_phase& phase);
  void now(state next);

  asio::any_io_executor executor_;
  tor_options options_;
  net::notifier asked_, changed_, renewed_;
  state state_ = state::idle;
  bool wanted_ = false;
  bool stale_ = false;   ///< tor has not heard of its ways yet
  bool without_ = false; ///< optional bridges came to nothing: of these ways, whatever tor's start
  base::steady_time progressed_{};
  std::uint64_t starts_ = 0, in_a_row_ = 0;
  base::failure why_; ///< of the last failure
  std::optional<wire::bootstrap_phase> phase_;
  local_place socks_;
  std::optional<pid_t> child_;
};

} // namespace landfall::onion
