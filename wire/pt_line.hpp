// The lines that a managed proxy says on its standard output (pt-spec 1 §3.3), read as its parent and written as one.
//
// Parents and proxies disagree in places. Read leniently: keywords that we do not know are `pt_other` (tor once ended
// proxies for them, trac 5910), `KEY="VALUE"` knows every escape of C. Written strictly, as Arti reads: single spaces,
// ASCII, no octal escape. Pure.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace landfall::wire {

/// A longer line is no line of the protocol: whoever reads gives the proxy up, so that it costs no more memory.
inline constexpr std::size_t max_pt_line = 16 * 1024;

using pt_pairs = std::vector<std::pair<std::string, std::string>>;

struct pt_version {
  std::string number;
}; ///< VERSION
struct pt_version_error {
  std::string message;
}; ///< VERSION-ERROR: it speaks none of ours
struct pt_env_error {
  std::string message;
}; ///< ENV-ERROR
struct pt_proxy_done {}; ///< PROXY DONE: it will use TOR_PT_PROXY
struct pt_proxy_error {
  std::string message;
}; ///< PROXY-ERROR
struct pt_cmethod {
  std::string transport, protocol; ///< protocol: "socks5", "socks4"
  std::string address;             ///< as written, without brackets; not yet believed
  std::uint16_t port = 0;
}; ///< CMETHOD
struct pt_cmethod_error {
  std::string transport, message;
}; ///< CMETHOD-ERROR
struct pt_cmethods_done {}; ///< CMETHODS DONE
struct pt_log {
  std::string severity; ///< error, warning, notice, info, debug; "" for others
  base::sensitive<std::string> message;
}; ///< LOG
struct pt_status {
  std::string transport; ///< empty: of the program as a whole
  base::sensitive<pt_pairs> pairs;
}; ///< STATUS
struct pt_other {}; ///< a keyword that is not ours: ignored

using pt_line = std::variant<pt_version, pt_version_error, pt_env_error, pt_proxy_done, pt_proxy_error, pt_cmethod,
                             pt_cmethod_error, pt_cmethods_done, pt_log, pt_status, pt_other>;

/// One line without its newline (a '\r' at its end is dropped). Errors: malformed: not UTF-8, or one of the keywords
/// above without what belongs to it; too_large.
[[nodiscard]] base::result<pt_line> parse_pt_line(std::string_view line);

/// A C identifier of at most 64 characters (pt-spec §2).
[[nodiscard]] bool is_pt_name(std::string_view text) noexcept;

/// "k=v;k=v" as it comes over SOCKS or in TOR_PT_SERVER_TRANSPORT_OPTIONS: '\' makes the next character plain, '=' may
/// stand in values as it is. Errors: malformed: an empty key, no '=', a '\' at the end, a ';' at the end.
[[nodiscard]] base::result<pt_pairs> parse_pt_arguments(std::string_view text);

/// 'LOG SEVERITY=warning MESSAGE="…"', without the newline. All but printable ASCII is replaced.
[[nodiscard]] std::string pt_log_line(std::string_view severity, std::string_view message);

} // namespace landfall::wire
