#include "server/relay_targets.hpp"

#include "trust/payload.hpp"
#include "trust/publish.hpp"

namespace landfall::server {

relay_targets relay_targets_of(const catalogue& documents, bool lab) {
  relay_targets out;
  for (const auto& [path, document] : documents) {
    if (!path.ends_with("/list")) continue;
    const auto inside = trust::dangerously_peek(document->bytes);
    if (!inside || inside->type != trust::document_type::list) continue;
    const auto list = trust::read_list(inside->payload, lab);
    if (!list) continue;
    for (const auto& peer : list->peers)
      for (const auto& endpoint : peer.endpoints)
        if (endpoint.transport == config::transport::tcp) out.insert(endpoint.to_string());
  }
  return out;
}

std::optional<config::endpoint> find_target(const relay_targets& among, std::string_view authority) {
  auto asked = config::endpoint::parse("tcp://" + std::string(authority));
  if (!asked || !among.contains(asked->to_string())) return std::nullopt;
  return std::move(*asked);
}

} // namespace landfall::server
