// What the demo's sidecar meets: servers, ways that lead to them, and a censor on the ways. Three of them: a small one
// whose censor does one thing to each way, one whose censor runs a profile of docs/CENSOR.md, and one with a Tor
// network in it.
//
// Every way has an address of loopback (127.0.0.1, 127.0.0.2 ...) of its own, as places on the internet have: what is
// learnt of one address must not count against another.
#pragma once

#include "net/async.hpp"
#include "net/scope.hpp"
#include "sidecar/events.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::sidecar {

enum class demo_server_kind : std::uint8_t {
  web,    ///< HTTPS
  bridge, ///< obfs4, without a certificate
  onion   ///< an onion service, published through a tor of the demo's
};

/// A landfall-server of the demo.
struct demo_server {
  std::string name;        ///< for people
  std::string certificate; ///< of demo_tls.hpp: "server" or "front"
  std::string host{};      ///< shows documents under this Host alone, as a CDN's front does; empty: under any
  demo_server_kind kind = demo_server_kind::web;
  std::filesystem::path tor{}; ///< of an onion service: the folder of that tor, where its control port is
};

/// Where one of them listens.
struct demo_listening {
  net::asio::ip::tcp::endpoint at;
  std::string line{}; ///< of a bridge: "obfs4 ADDRESS:PORT cert=… iat-mode=0"; of an onion service: its URL
};

class demo_internet {
public:
  virtual ~demo_internet() = default;
  /// What is on the ways, for people.
  [[nodiscard]] virtual std::vector<std::string> story() const = 0;
  /// What has to stand before the servers; what goes on of it lives in `life`. Errors: local_error, timed_out,
  /// cancelled.
  [[nodiscard]] virtual net::awaitable<net::result<void>> build(net::scope& life);
  [[nodiscard]] virtual std::vector<demo_server> servers() const = 0;
  /// Opens the ways to where those servers listen. Errors: local_error.
  [[nodiscard]] virtual net::result<void> open(const std::vector<demo_listening>& servers) = 0;
  /// The ways as [[route]] tables; `secret` is the path of all servers.
  [[nodiscard]] virtual std::string routes(const std::string& secret) const = 0;
  /// The ways, until cancelled.
  [[nodiscard]] virtual net::awaitable<void> run() = 0;
  /// What goes on in a network before anybody starts a VPN; while run() runs. Errors: as build.
  [[nodiscard]] virtual net::awaitable<net::result<void>> settle();
  /// What the sidecar tells.
  virtual void heard(const event&) {}
  /// What the censor did, what came of it: members for the object of --json, lines for people.
  [[nodiscard]] virtual boost::json::object told() const = 0;
  [[nodiscard]] virtual std::vector<std::string> moral() const = 0;

protected:
  demo_internet() = default;
};

/// Silence, a reset and the long way round.
[[nodiscard]] std::unique_ptr<demo_internet> make_small_internet(net::asio::any_io_executor executor);

/// What a profile is, for `landfall demo --help`.
struct demo_profile {
  std::string_view name, about;
};
/// Those of the censor.
[[nodiscard]] const std::vector<demo_profile>& demo_profiles();

/// A direct route whose name is on the blocklist, one to an address without a name, a front, and a bridge. `profile` is
/// one of demo_profiles(). Errors: malformed (rule files that cannot be read: a bug).
[[nodiscard]] net::result<std::unique_ptr<demo_internet>>
make_censored_internet(net::asio::any_io_executor executor, const std::string& profile, std::uint64_t seed);

inline constexpr demo_profile onion_profile{
    "onion", "every way is closed but Tor: a private Tor network of the demo's own, about 20 s to build"};
/// `folder` is the demo's. Where there is no tor (demo_tor_network::possible), building it fails.
[[nodiscard]] std::unique_ptr<demo_internet> make_onion_internet(net::asio::any_io_executor executor,
                                                                 const std::filesystem::path& folder);

} // namespace landfall::sidecar
