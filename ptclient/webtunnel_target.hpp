// What a webtunnel bridge line asks for, and what is said to its server. Pure.
//
//   url=https://HOST[:PORT]/SECRET   where to; the line's own address is a placeholder
//   servername=NAME                  stands in the SNI, in Host, and must stand in the certificate, instead of HOST
//   addr=ADDRESS[:PORT]              where to connect instead of what HOST resolves to
//   ver=, utls=                      taken and not used: one version, and a ClientHello of our own
//
// http:// is refused, unlike by webtunnel's own client: without TLS there is nothing that hides the secret.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"
#include "wire/http_head.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace landfall::ptclient {

struct webtunnel_target {
  base::sensitive<std::string> host; ///< of the URL: a name in lower case, or an address without brackets
  base::sensitive<std::string> name; ///< for SNI, Host and certificate
  std::uint16_t port = 443;
  base::sensitive<std::string> path;                   ///< escaped, begins with '/'
  std::optional<base::sensitive<std::string>> address; ///< addr=, without its port
};

/// Errors: malformed, naming the argument.
[[nodiscard]] base::result<webtunnel_target>
webtunnel_target_of(const std::vector<std::pair<std::string, std::string>>& arguments);

/// The request as a browser opens a WebSocket. `key` is 16 random bytes. Sensitive.
[[nodiscard]] std::string webtunnel_request(const webtunnel_target& to, std::string_view key);

/// Good: 101 with Upgrade: websocket and Connection: upgrade. Errors: http_status with the status for any other answer
/// (the decoy page of a wrong secret is 200 or 404), malformed for a 101 to something else.
[[nodiscard]] base::result<void> check_webtunnel(const wire::http_head& answer);

} // namespace landfall::ptclient
