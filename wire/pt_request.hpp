// What a parent (tor, Arti, a VPN) asks of us as a managed proxy: TOR_PT_* of the environment (pt-spec 1 §3.2). Pure.
#pragma once

#include "wire/pt_line.hpp"

#include <functional>
#include <map>

namespace landfall::wire {

inline constexpr std::size_t max_pt_names = 32; ///< tor asks for one or two

struct pt_request {
  bool server = false;
  std::vector<std::string>
      names;         ///< asked for, each once, in the parent's order; what we do not know is the caller's to skip
  std::string state; ///< absolute
  base::sensitive<std::string> proxy; ///< TOR_PT_PROXY; client only; empty: none
  bool exit_on_stdin_close = false;
  // server only
  std::map<std::string, std::string> bind; ///< transport: ADDRESS:PORT; where it says none, any port of any address
  std::map<std::string, pt_pairs> options; ///< transport: its TOR_PT_SERVER_TRANSPORT_OPTIONS
  std::string or_port, extended_or_port;   ///< ADDRESS:PORT; one of them is set
  std::string auth_cookie_file;            ///< with extended_or_port
};

/// Looks up a variable; nullopt when unset or empty.
using pt_environment = std::function<std::optional<std::string>(const char*)>;

/// nullopt: TOR_PT_MANAGED_TRANSPORT_VER is not set: nobody's managed proxy.
/// Else the request, or the lines that refuse it (VERSION-ERROR; or VERSION 1 and ENV-ERROR), after which to end.
struct pt_refusal {
  std::vector<std::string> lines;
};
[[nodiscard]] std::optional<std::variant<pt_request, pt_refusal>> read_pt_request(const pt_environment& env);

} // namespace landfall::wire
