// Bridge lines, in every form in which people pass them on. Pure.
//
//   line  [Bridge ][TRANSPORT ]ADDRESS[:PORT][ FINGERPRINT][ KEY=VALUE]…      tor(1), pt-spec; port 443 when left out
//   URI   bridge://[TRANSPORT@]ADDRESS:PORT[/FINGERPRINT][?KEY=VALUE&…]       Tor Project's Bridge URI draft
//   QR    ['LINE', 'LINE', …]                                                what Tor's QR codes of bridges hold
//
// A line without transport is a vanilla bridge; tor alone can use it. In a URI values are percent-encoded, '+' stands
// for itself (base64 has it), and the order of keys is kept. Everything in a line but the transport's name finds or
// opens the bridge, so it does not print; errors name the token ("token 4: iat-mode: …"), never its value.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"
#include "config/endpoint.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace landfall::config {

inline constexpr std::size_t max_bridge_line = 2048;
inline constexpr std::size_t max_pasted = 64 * 1024;
/// What SOCKS5's user name and password carry together (pt-spec): longer arguments cannot reach a transport at all.
inline constexpr std::size_t max_encoded_arguments = 510;

using bridge_arguments = std::vector<std::pair<std::string, std::string>>;

struct bridge_line {
  std::string transport;                    ///< empty: vanilla
  base::sensitive<address_and_port> where;  ///< the port is always set; PTs may ignore both and go by their arguments
  base::sensitive<std::string> fingerprint; ///< 40 upper-case hex digits, or empty
  base::sensitive<bridge_arguments> arguments;

  /// A line or a URI. Errors: too_large, malformed. Checked besides the form: obfs4 has cert (52 bytes) or node-id and
  /// public-key, and iat-mode 0, 1 or 2; the encoded arguments fit max_encoded_arguments.
  [[nodiscard]] static base::result<bridge_line> parse(std::string_view text);
  /// The canonical line; parses back to the same value. Sensitive.
  [[nodiscard]] std::string reveal() const;
  /// "k=v;k=v" with ';' and '\' escaped, and '=' in keys: what a pluggable transport takes over SOCKS. Sensitive.
  [[nodiscard]] std::string encoded_arguments() const;
  /// "tor" when the line has a fingerprint, else "landfall" (design §4).
  [[nodiscard]] std::string_view usual_far_end() const noexcept;
  friend bool operator==(const bridge_line&, const bridge_line&) = default;
};

/// What somebody pasted: lines, URIs and QR texts, one or many; blank lines and '#' comments are skipped.
struct pasted_bridges {
  std::vector<bridge_line> lines;
  std::vector<std::string> problems; ///< "line 2: token 1: …"
};
[[nodiscard]] pasted_bridges parse_pasted(std::string_view text);

} // namespace landfall::config
