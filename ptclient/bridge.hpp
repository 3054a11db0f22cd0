// bridges: from a bridge line to a stream, whichever transport it names.
//
//   obfs4       our own, unless a [[transport]] with `native = false` names it
//   webtunnel   our own, likewise
//   others      the program of the [[transport]] that names them, through its SOCKS5, with the line's arguments
//   none        vanilla: not ours to speak (proxy_failed); tor's
//
//   open ─▶ native? ─▶ reach (our socket, or the upstream proxy) ▸ handshake ───────────────▶ stream
//             └ no ──▶ program::method (started when first asked for) ▸ SOCKS5 with arguments ─▶ stream, on probation
//
// Success over a program may mean nothing: snowflake grants every request at once. Such a stream is on probation: its
// first byte has to come within `first_byte` of the first read, else it fails with bridge_silent.
#pragma once

#include "config/bridge_line.hpp"
#include "config/settings.hpp"
#include "ptclient/obfs4_client.hpp"
#include "ptclient/obfs4_keys.hpp"
#include "ptclient/outward.hpp"
#include "ptclient/program.hpp"

#include <filesystem>
#include <map>
#include <memory>

namespace landfall::ptclient {

struct bridge_limits {
  std::chrono::milliseconds connect{4000}; ///< design §4
  std::chrono::milliseconds handshake{obfs4_handshake_limit};
  std::chrono::milliseconds granted{30'000};    ///< SOCKS5 of a program; it may have to find its way first
  std::chrono::milliseconds first_byte{30'000}; ///< what a program opened; a whole lane has no more
};

class socks_service;

class bridges {
public:
  /// Reads [[transport]], upstream_proxy, fwmark, interface and the state folder (STATE/transports/NAME). Starts
  /// nothing. `names` outlives it. `tell` is called on the executor.
  bridges(asio::any_io_executor executor, const config::settings& settings, http::resolver& names,
          const base::clock& clock, tell_fn tell = {}, bridge_limits limits = {});
  ~bridges();

  /// The programs' life: spawn it once, before `open`; ends when cancelled, after they have.
  [[nodiscard]] awaitable<void> run();

  /// Why lines of this transport cannot be opened here; empty: they can.
  [[nodiscard]] std::string off(std::string_view transport) const;

  /// The proxy of ours that programs have to use, as TOR_PT_PROXY takes it; empty: they may go out by themselves.
  [[nodiscard]] const base::sensitive<std::string>& proxy() const noexcept { return proxy_url_; }

  /// A stream to the bridge's far end. Tells connect, proxy, tls and handshake as they are reached.
  /// Errors: those of `reach`, of the native transport (bridge_silent, bridge_bad_auth, tls_certificate, http_status
  /// ...) and of program::method; proxy_failed where `off` says why; cancelled. `where` is the bridge's address, where
  /// it is we who connect there.
  [[nodiscard]] awaitable<result<net::stream_ptr>> open(config::bridge_line line, net::progress_fn tell = {});

private:
  [[nodiscard]] awaitable<result<net::stream_ptr>> open_obfs4(config::bridge_line line, net::progress_fn tell);
  [[nodiscard]] awaitable<result<net::stream_ptr>> open_managed(program& by, config::bridge_line line,
                                                                net::progress_fn tell);
  [[nodiscard]] program* program_of(std::string_view transport) const;
  /// Whether every socket has to be ours: then programs get a proxy of ours (design §4).
  [[nodiscard]] bool confined() const;
  [[nodiscard]] base::sensitive<std::string> open_proxy(const asio::any_io_executor& executor);

  http::resolver& names_;
  const base::clock& clock_;
  std::shared_ptr<obfs4_keys> keys_;
  bridge_limits limits_;
  outward out_;
  std::string broken_;       ///< why nothing may be opened at all
  std::string programs_off_; ///< why no program may be started
  base::sensitive<std::string> proxy_url_;
  std::unique_ptr<socks_service> proxy_; ///< for programs; nullptr: they need none
  std::vector<std::unique_ptr<program>> programs_;
  std::map<std::string, program*, std::less<>> by_name_; ///< what is not spoken by ourselves
};

/// Whether this version speaks it itself.
[[nodiscard]] bool is_native(std::string_view transport) noexcept;

} // namespace landfall::ptclient
