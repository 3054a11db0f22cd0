// tunnel: a named way to open a stream to a host, and the set of them that the local proxy chooses from.
//
//   direct     a connection of our own (or through the upstream proxy, which is then the only way out)
//   bridge-…   a stream to a bridge, and HTTP CONNECT to the relay behind it
//   tor        a stream through tor, streams of different tokens on different circuits
//
// Names are never looked up here: they take a tunnel that has its far end look them up, or none.
#pragma once

#include "base/clock.hpp"
#include "http/resolver.hpp"
#include "http/via.hpp"
#include "net/relay.hpp"
#include "net/stream.hpp"
#include "sidecar/tunnel_memory.hpp"
#include "wire/socks5.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace landfall::sidecar {

struct tunnel_request {
  tunnel_request(wire::socks_destination where, std::string isolation)
      : to(std::move(where)), token(std::move(isolation)) {}
  wire::socks_destination to;
  base::sensitive<std::string>
      token; ///< streams of different tokens share nothing, where the tunnel can tell them apart
};

struct tunnel {
  std::string name;         ///< shown in metrics: names no host
  bool takes_names = false; ///< the far end looks them up
  std::chrono::milliseconds limit{4000};
  /// Opens a stream to the destination. Ends soon after it was cancelled.
  std::function<net::awaitable<net::result<net::stream_ptr>>(tunnel_request)> open;
};

/// By net::dial. Addresses alone.
[[nodiscard]] tunnel direct_tunnel(net::socket_options sockets);
/// By dialling `proxy`, which takes names too. `names` looks the proxy's own name up where it has one; it outlives.
[[nodiscard]] tunnel upstream_tunnel(http::proxy proxy, http::resolver& names, net::socket_options sockets);

/// Opens a stream to a bridge's far end.
using open_stream_fn = std::function<net::awaitable<net::result<net::stream_ptr>>()>;
/// CONNECT through what `open` opens.
[[nodiscard]] tunnel bridge_tunnel(std::string name, open_stream_fn open);

/// What a tunnel did.
struct tunnel_counts {
  std::uint64_t opened = 0, failed = 0;
  net::relayed bytes;
};

class tunnel_set {
public:
  /// Where we are, for the memory.
  using here_fn = std::function<fallback::network_id()>;
  /// Told when the memory has learnt something that is worth keeping.
  using noted_fn = std::function<void()>;

  /// `memory` and `clock` outlive it.
  tunnel_set(std::vector<tunnel> tunnels, here_fn here, tunnel_memory& memory, noted_fn noted,
             const base::clock& clock);

  struct opened {
    net::stream_ptr stream;
    tunnel_counts* counts = nullptr; ///< of the tunnel; lives as long as the set
  };
  /// False: a name, and no tunnel takes names.
  [[nodiscard]] bool takes(const wire::socks_destination& to) const noexcept;
  /// Through the best tunnel, else the next. Errors: as the last one failed; unreachable where none takes it;
  /// cancelled.
  [[nodiscard]] net::awaitable<net::result<opened>> open(tunnel_request asked);

  [[nodiscard]] const std::map<std::string, tunnel_counts>& counts() const noexcept { return counts_; }

private:
  std::vector<tunnel> tunnels_;
  here_fn here_;
  tunnel_memory& memory_;
  noted_fn noted_;
  const base::clock& clock_;
  std::map<std::string, tunnel_counts> counts_;
};

} // namespace landfall::sidecar
