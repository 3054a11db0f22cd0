// Where the local proxy lets its clients go: the peers that were, or can be, handed over, and nowhere else. So that
// what uses it by mistake (or by malice, with the password) is no open proxy into the network that this machine is in.
#pragma once

#include "config/endpoint.hpp"
#include "wire/socks5.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace landfall::sidecar {

class socks_gate {
public:
  /// No destination is allowed.
  socks_gate() = default;
  /// The TCP endpoints of these.
  explicit socks_gate(const std::vector<config::endpoint>& endpoints);

  /// A name never is: what it leads to is not known here. An IPv4 address as IPv6 is the same address.
  [[nodiscard]] bool allows(const wire::socks_destination& to) const;

private:
  std::set<std::pair<std::string, std::uint16_t>> places_; ///< addresses as 4 or 16 bytes
};

} // namespace landfall::sidecar
