// transports: everything that can carry bytes out of this machine, made once for a program and idle until it is used:
// nothing of TLS or DNS is loaded, no program started, before the first request.
#pragma once

#include "config/settings.hpp"
#include "http/client.hpp"
#include "onion/tor.hpp"
#include "ptclient/bridge.hpp"
#include "trust/document.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::sidecar {

/// Of a program of ours: which transport, what happened ("ready", "bootstrap"), and our own words about it.
using transport_tell = std::function<void(std::string_view transport, std::string_view what, std::string detail)>;

/// tor asks all its bridges for their descriptors at once: with more than these a list adds none to the configured
/// ones.
inline constexpr std::size_t max_bridges_of_tor = 8;

/// Whether a bridge line of a route leads to tor: one with a fingerprint does (design §4). What a line cannot say,
/// `far_end` of a [[bridge]] can.
[[nodiscard]] bool leads_to_tor(const base::sensitive<std::string>& line);

class transports {
public:
  /// `clock` outlives it.
  transports(net::asio::any_io_executor executor, const config::settings& settings, const base::clock& clock,
             transport_tell tell = {});

  /// The life of the programs that are started on the way: spawn it once, before anything is fetched. Ends when
  /// cancelled, after they have.
  [[nodiscard]] net::awaitable<void> run();

  /// The bridges of the list in hand that lead to tor: with the configured ones, from now on, for a tor of ours. Where
  /// none is configured they are optional (onion::tor_ways). Taken are those whose transport we have, at global
  /// addresses (any in a lab), up to max_bridges_of_tor in all. Nothing happens when nothing is new.
  void use_bridges_of(const config::settings& settings, const trust::peer_list* list);

  /// The tor of a configured onion route. nullptr, a route of a signed list: that of the first configured one, else a
  /// tor of our own. Which are programs to be started is theirs to know: nothing starts here.
  [[nodiscard]] onion::tor& tor_of(const config::onion_target* configured);
  /// Why the onion route of this name cannot be used; empty: it can.
  [[nodiscard]] std::string tor_off(const std::string& route) const;

  http::resolver names;
  http::client https;
  ptclient::bridges bridges;
  std::optional<http::proxy> upstream; ///< everything goes through it
  std::string upstream_off;            ///< it cannot be read: nothing may go anywhere

private:
  void make_tors(const config::settings& settings);
  [[nodiscard]] onion::tor_options managed(const config::settings& settings) const;
  [[nodiscard]] onion::tor_ways ways_of(const config::settings& settings, const trust::peer_list* list) const;
  [[nodiscard]] std::string command_for(const config::settings& settings, std::string_view transport) const;

  net::asio::any_io_executor executor_;
  transport_tell tell_;
  std::string first_tor_ = "managed";
  std::string tor_lines_, tor_error_; ///< of [tor] torrc
  std::map<std::string, std::unique_ptr<onion::tor>, std::less<>> tors_;
  std::vector<onion::client_key> keys_;
  std::map<std::string, std::string> key_errors_; ///< by route
};

} // namespace landfall::sidecar
