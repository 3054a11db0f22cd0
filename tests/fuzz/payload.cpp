// Payloads, as if their signatures had held. Whatever the bytes: a failure is one of form, and what is read keeps every
// promise that the rest of the program relies on.
#include "trust/payload.hpp"

#include "base/encoding.hpp"
#include "trust/limits.hpp"
#include "trust/publish.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

using namespace landfall;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

template <class T> bool read(const base::result<T>& result) {
  if (!result) must(result.error().what == base::outcome::malformed || result.error().what == base::outcome::too_large);
  return result.has_value();
}

template <class Peer> void check_peers(const std::vector<Peer>& peers, bool lab) {
  must(peers.size() <= trust::max_peers);
  std::set<std::string> ids;
  for (const auto& p : peers) {
    must(base::from_base64url(p.id).value_or("").size() == 32 && ids.insert(p.id).second);
    must(!p.endpoints.empty() && p.endpoints.size() <= trust::max_endpoints);
    for (const auto& e : p.endpoints) must(e.port != 0 && (lab || e.address.is_global()));
  }
}

void check_list(const trust::peer_list& list, bool lab) {
  check_peers(list.peers, lab);
  must(list.issued >= 0 && list.issued <= list.fresh_until && list.fresh_until <= list.expires);
  must(list.expires - list.issued <= trust::max_list_life);
  must(list.routes.size() <= trust::max_routes && list.servers.size() <= trust::max_servers);
  for (const auto& p : list.peers) must(std::ranges::find(list.revoked, p.id) == list.revoked.end());
}

void check_role(const trust::role& role, const trust::root& root) {
  must(role.threshold >= 1 && static_cast<std::size_t>(role.threshold) <= role.keyids.size());
  must(std::set<std::string>(role.keyids.begin(), role.keyids.end()).size() == role.keyids.size());
  for (const auto& id : role.keyids) must(root.keys.contains(id) && root.keys.at(id).id() == id);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  for (const bool lab : {false, true}) {
    if (const auto list = trust::read_list(payload, lab); read(list)) check_list(*list, lab);
    if (const auto live = trust::read_live(payload, lab); read(live)) {
      check_peers(live->peers, lab);
      must(live->expires - live->issued <= trust::max_live_life);
    }
  }
  if (const auto root = trust::read_root(payload); read(root) && root->flaw.empty()) {
    check_role(root->document.root_role, root->document);
    check_role(root->document.list_role, root->document);
  }
  for (const auto type : {trust::document_type::root, trust::document_type::list, trust::document_type::live})
    (void)trust::check_payload(type, payload, false);
  return 0;
}
