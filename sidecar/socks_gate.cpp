#include "sidecar/socks_gate.hpp"

#include <string_view>

namespace landfall::sidecar {

namespace {

constexpr std::string_view mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

} // namespace

socks_gate::socks_gate(const std::vector<config::endpoint>& endpoints) {
  for (const auto& one : endpoints) {
    if (one.transport != config::transport::tcp) continue;
    const auto& bytes = one.address.bytes;
    places_.emplace(std::string(bytes.begin(), bytes.begin() + (one.address.v6 ? 16 : 4)), one.port);
  }
}

bool socks_gate::allows(const wire::socks_destination& to) const {
  if (to.kind == wire::socks_host::name) return false;
  const auto& bytes = to.host.reveal();
  const bool v4_in_v6 = bytes.size() == 16 && bytes.starts_with(mapped);
  return places_.contains({v4_in_v6 ? bytes.substr(mapped.size()) : bytes, to.port});
}

} // namespace landfall::sidecar
