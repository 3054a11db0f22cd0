// probe: every route to its end, and what that says of the network. For people who ask why it does not work.
//
// The lanes are those of a race: the same fetch, the same verification, the same penalties before and after; a place
// that the probe itself found blocked is not contacted again. A list that is brought is offered to trust and kept as
// any other.
//
// The state folder belongs to one process at a time. Where a sidecar has it the probe works on a copy, made in a
// private temporary folder that is gone at the end: penalties hold, what is fetched is judged by what the sidecar
// believes, and nothing is kept. To ask the sidecar for it instead would make its next race wait for half a minute.
#pragma once

#include "fallback/evidence.hpp"
#include "fallback/rank.hpp"
#include "sidecar/events.hpp"
#include "sidecar/holdings.hpp"
#include "sidecar/probe_plan.hpp"
#include "sidecar/routes.hpp"

#include <memory>
#include <string>
#include <vector>

namespace landfall::sidecar {

/// Who is asked for the names that a route needs.
enum class look_up : std::uint8_t {
  none,       ///< addresses, or names of this machine
  over_https, ///< seen as a connection to a resolver, not what is asked
  plaintext,  ///< the question is on the wire
  by_proxy    ///< the upstream proxy's affair
};
[[nodiscard]] std::string_view name(look_up value) noexcept;
/// As the route is configured; what http/resolver.hpp does with it.
[[nodiscard]] look_up look_up_of(const config::route& route, const config::settings& settings);

/// Why a route is not tried, in words; empty: it is. Under `quiet` what stands out is tried only when that was asked
/// for, and what says in plain what it is for never.
[[nodiscard]] std::string why_left_out(const fallback::ranked& one, config::exposure exposure, bool conspicuous);

/// What an observer of the wire gets of a route.
struct exposed {
  std::string ja4;       ///< of the ClientHello that was sent; empty: none was
  bool has_name = false; ///< a name stood in it
  look_up asks = look_up::none;
};

/// One route and how it fared.
struct probed {
  std::string route, kind;
  std::string skipped; ///< why it was not tried; empty: it was, or it waits
  std::optional<fallback::wait> waits;
  std::optional<fallback::lane_report> ended;
  std::uint64_t received = 0; ///< bytes, of all its connections
  int connections = 0;
  exposed shown;

  [[nodiscard]] bool authentic() const; ///< it brought an authentic list
};

struct probe_result {
  std::string network;
  config::exposure exposure = config::exposure::balanced;
  bool on_copy = false;       ///< a sidecar has the state; nothing is kept
  std::vector<probed> routes; ///< in the order in which a race would try them
  fallback::verdict verdict = fallback::verdict::open;
  bool moved = false;                    ///< the network changed meanwhile: what failed says nothing
  std::optional<trust::list_order> list; ///< in hand at the end
  std::string tier;
  std::vector<std::string> warnings;

  [[nodiscard]] bool any_authentic() const;
};

/// A probe about to run.
class prober {
public:
  /// `conspicuous`: such routes also under `quiet`. Errors: as holdings::open.
  [[nodiscard]] static base::result<std::unique_ptr<prober>>
  open(net::asio::any_io_executor executor, config::settings settings, const base::clock& clock, bool conspicuous);
  virtual ~prober() = default;
  /// Cancelled: what ran is, and the rest was not tried.
  [[nodiscard]] virtual net::awaitable<probe_result> run() = 0;
  /// lane_started, lane_progress, lane_ended and what happens to trust: for a live table.
  [[nodiscard]] virtual event_bus& events() = 0;

protected:
  prober() = default;
};

} // namespace landfall::sidecar
