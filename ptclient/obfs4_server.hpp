// The obfs4 server on Asio: what managed mode puts in front of TOR_PT_ORPORT. landfall-server has the same on libevent
// (server/obfs4.hpp); both do what wire/obfs4_* says.
#pragma once

#include "base/clock.hpp"
#include "net/stream.hpp"
#include "ptclient/obfs4_keys.hpp"
#include "wire/obfs4_guard.hpp"
#include "wire/obfs4_identity.hpp"
#include "wire/obfs4_shape.hpp"

#include <memory>

namespace landfall::ptclient {

/// One bridge: its identity, and whom it has answered. Shared by all its connections.
struct obfs4_server {
  /// `clock` must outlive it.
  obfs4_server(wire::obfs4_identity identity, std::shared_ptr<obfs4_keys> pool, const base::clock& time);
  obfs4_server(const obfs4_server&) = delete;
  obfs4_server& operator=(const obfs4_server&) = delete;

  wire::obfs4_identity who; ///< obfs4_arguments(who.open) is what SMETHOD and bridge lines tell
  std::shared_ptr<const wire::obfs4_shape> shape;
  wire::obfs4_replay_filter seen;
  std::shared_ptr<obfs4_keys> keys;
  const base::clock& clock;
};

/// Shakes hands with who has connected. Whoever does not know the bridge is read from, silently, for 30 to 89 seconds
/// (a constant of the bridge) and then closed: the coroutine takes as long, and returns bridge_bad_auth. 8 KiB at most
/// are held of each. Other errors: reset_before_hello when they leave first, cancelled.
[[nodiscard]] net::awaitable<net::result<net::stream_ptr>> obfs4_accept(std::shared_ptr<obfs4_server> server,
                                                                        net::stream_ptr from);

} // namespace landfall::ptclient
