// place: where on the network an attempt went; what a penalty is put on. Identifying, so it has no formatter and never
// reaches a disk as it is (fallback/ keeps a keyed hash).
#pragma once

#include <cstdint>
#include <string>

namespace landfall::base {

/// An empty part is not known, or not ours to know (a proxy connects). Two places are one for a penalty when the parts
/// that its scope names are equal (base::penalty_scope).
struct place {
  std::string address; ///< an IP address as text, IPv6 without brackets
  std::uint16_t port = 0;
  std::string front; ///< the front's name (what the SNI says); empty but for fronted routes
  friend bool operator==(const place&, const place&) = default;
};

} // namespace landfall::base
