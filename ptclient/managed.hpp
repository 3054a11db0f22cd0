// Managed mode: we are somebody's managed proxy (pt-spec 1). As a client transport one SOCKS5 listener on 127.0.0.1 for
// each transport that was asked for and that we know; as a server transport obfs4 in front of tor.
//
//   VERSION 1 ▸ PROXY DONE ▸ CMETHOD … | CMETHOD-ERROR … ▸ CMETHODS DONE         as a client
//   VERSION 1 ▸ SMETHOD … | SMETHOD-ERROR … ▸ SMETHODS DONE                      as a server
//
// Parents disagree (Arti ends us for what tor ignores), so: exactly what was asked, each once, in ASCII, whole lines at
// once, and of transports that we do not know not a word. With TOR_PT_PROXY everything goes through it or not at all.
#pragma once

#include "config/settings.hpp"
#include "ptclient/bridge.hpp"
#include "ptclient/socks_service.hpp"
#include "wire/pt_request.hpp"

#include <functional>

namespace landfall::ptclient {

/// Says one line on standard output, at once and whole; false: nobody reads it any more.
using say_fn = std::function<bool(std::string_view line)>;
/// The one for stdout.
[[nodiscard]] say_fn say_on_stdout();

/// Transports that somebody else opens ("landfall": the best tunnel), by name.
using more_transports = std::map<std::string, socks_service::open_fn>;

/// Serves until cancelled, or at once when the parent has to be refused (PROXY-ERROR). `settings` gives fwmark,
/// interface and state folder; its upstream_proxy is replaced by the parent's where that has one. All outlive it.
[[nodiscard]] awaitable<void> serve_as_client(wire::pt_request asked, config::settings settings, http::resolver& names,
                                              const base::clock& clock, more_transports more, say_fn say);

/// obfs4 in front of the (extended) OR port. Its identity and `obfs4_bridgeline.txt` are in the state folder, in
/// obfs4proxy's form. Serves until cancelled.
[[nodiscard]] awaitable<void> serve_as_server(wire::pt_request asked, const base::clock& clock, say_fn say);

} // namespace landfall::ptclient
