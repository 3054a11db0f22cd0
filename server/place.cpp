#include "server/place.hpp"

#include "base/cursor.hpp"
#include "config/endpoint.hpp"

#include <fmt/format.h>

#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

namespace landfall::server {

namespace {
using base::fail;
using base::outcome;

constexpr std::string_view unix_prefix = "unix:";

base::result<place> parse_unix(std::string_view where) {
  const auto path = where.substr(unix_prefix.size());
  place out;
  auto& local = reinterpret_cast<sockaddr_un&>(out.address);
  if (path.empty() || path.size() >= sizeof local.sun_path)
    return fail(outcome::malformed,
                fmt::format("the path of '{}' must have between 1 and {} bytes", where, sizeof local.sun_path - 1));
  local.sun_family = AF_UNIX;
  path.copy(local.sun_path, path.size());
  out.size = sizeof local;
  return out;
}

/// "192.0.2.1:80" or "[2001:db8::1]:80"; a size of 0 when it is neither.
place parse_tcp(std::string_view where) {
  place out;
  const auto colon = where.rfind(':');
  if (colon == std::string_view::npos) return out;
  auto address = where.substr(0, colon);
  base::cursor digits(where.substr(colon + 1));
  const auto port = static_cast<std::uint16_t>(digits.take_decimal(65535));
  const bool bracketed = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (bracketed) address = address.substr(1, address.size() - 2);
  const auto parsed = config::ip_address::parse(address);
  if (!parsed || digits.failed() || !digits.at_end() || bracketed != parsed->v6) return out;
  if (parsed->v6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out.address);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, parsed->bytes.data(), sizeof v6.sin6_addr);
    out.size = sizeof v6;
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out.address);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, parsed->bytes.data(), sizeof v4.sin_addr);
    out.size = sizeof v4;
  }
  return out;
}
} // namespace

bool place::is_local() const noexcept {
  if (family() == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  if (family() == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  return family() == AF_UNIX;
}

base::result<place> place::parse(std::string_view text) {
  if (text.starts_with(unix_prefix)) return parse_unix(text);
  const auto out = parse_tcp(text);
  if (out.size == 0)
    return fail(outcome::malformed, fmt::format("'{}' is neither ADDRESS:PORT, [ADDRESS]:PORT nor unix:PATH", text));
  return out;
}

} // namespace landfall::server
