// What the demo's sidecar meets: servers, ways that lead to them, and a censor on the ways. Two of them: a small one
// whose censor does one thing to each way, and one whose censor runs a profile of docs/CENSOR.md.
//
// Every way has an address of loopback (127.0.0.1, 127.0.0.2 ...) of its own, as places on the internet have: what is
// learnt of one address must not count against another.
#pragma once

#include "net/async.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::sidecar {

/// A landfall-server of the demo.
struct demo_server {
  std::string name;        ///< for people
  std::string certificate; ///< of demo_tls.hpp: "server" or "front"
  std::string host{};      ///< shows documents under this Host alone, as a CDN's front does; empty: under any
  bool bridge = false;     ///< over obfs4 instead, and without a certificate
};

/// Where one of them listens.
struct demo_listening {
  net::asio::ip::tcp::endpoint at;
  std::string line{}; ///< of a bridge: "obfs4 ADDRESS:PORT cert=… iat-mode=0"
};

class demo_internet {
public:
  virtual ~demo_internet() = default;
  /// What is on the ways, for people.
  [[nodiscard]] virtual std::vector<std::string> story() const = 0;
  [[nodiscard]] virtual std::vector<demo_server> servers() const = 0;
  /// Opens the ways to where those servers listen. Errors: local_error.
  [[nodiscard]] virtual net::result<void> open(const std::vector<demo_listening>& servers) = 0;
  /// The ways as [[route]] tables; `secret` is the path of all servers.
  [[nodiscard]] virtual std::string routes(const std::string& secret) const = 0;
  /// The ways, until cancelled.
  [[nodiscard]] virtual net::awaitable<void> run() = 0;
  /// What goes on in a network before anybody starts a VPN; while run() runs.
  [[nodiscard]] virtual net::awaitable<void> settle() = 0;
  /// What the censor did: members for the object of --json, lines for people.
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
[[nodiscard]] const std::vector<demo_profile>& demo_profiles();

/// A direct route whose name is on the blocklist, one to an address without a name, a front, and a bridge. `profile` is
/// one of demo_profiles(). Errors: malformed (rule files that cannot be read: a bug).
[[nodiscard]] net::result<std::unique_ptr<demo_internet>>
make_censored_internet(net::asio::any_io_executor executor, const std::string& profile, std::uint64_t seed);

} // namespace landfall::sidecar
