// `landfall run` as somebody's managed proxy: started by tor, Arti or a VPN with TOR_PT_* (ptclient/managed.hpp).
#pragma once

#include "sidecar/run.hpp"
#include "wire/pt_request.hpp"

namespace landfall::sidecar {

/// What the environment asks for; nullopt: nobody's managed proxy.
[[nodiscard]] std::optional<std::variant<wire::pt_request, wire::pt_refusal>> managed_request();

/// Serves until SIGTERM, SIGINT, the parent's end, or - where it asked for that - the end of stdin. With `sidecar`, as
/// a client transport, the local API and the list too. Returns the exit status.
[[nodiscard]] int run_managed(std::variant<wire::pt_request, wire::pt_refusal> asked,
                              std::optional<run_options> sidecar);

} // namespace landfall::sidecar
