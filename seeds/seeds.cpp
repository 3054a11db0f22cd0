#include "seeds/seeds.hpp"

#include "trust/verify.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::seeds {

namespace {

using trust::unverified_document;

/// The root of `state` with this version, if any.
const trust::verified<trust::root>* root_of(const trust::state& state, std::int64_t version) {
  const auto at = std::find_if(state.roots().begin(), state.roots().end(),
                               [&](const auto& root) { return root->version == version; });
  return at == state.roots().end() ? nullptr : &*at;
}

/// False: the compiled chain is not the state's.
bool sow_root(trust::state& state, std::string_view envelope, base::unix_time wall, sown& out) {
  const unverified_document document{std::string(envelope)};
  const auto compiled = trust::verify_anchor(document, state.who().network);
  if (!compiled) {
    out.notes.push_back("a compiled root is not valid: " + base::to_string(compiled.error()));
    return false;
  }
  const auto version = (*compiled)->version;
  if (version < state.roots().front()->version) return true; // before the anchor: judged by what follows it
  if (const auto* ours = root_of(state, version)) {
    if (ours->id() == compiled->id()) return true;
    out.notes.push_back(
        fmt::format("compiled root {} is not the one of this network's chain; seeds not used", version));
    return false;
  }
  if (const auto taken = state.offer_root(document, wall); !taken) {
    out.notes.push_back(
        fmt::format("compiled root {} does not continue this network's chain; seeds not used", version));
    return false;
  }
  ++out.roots;
  return true;
}

} // namespace

bool is_demo(std::string_view network) noexcept { return network == "demo"; }

sown sow(trust::state& state, const compiled_seeds& from, base::unix_time wall) {
  sown out;
  if (from.network.empty() || from.network != state.who().network) return out;
  for (const auto envelope : from.roots)
    if (!sow_root(state, envelope, wall, out)) return out;
  if (from.list.empty()) return out;
  const auto verdict = state.offer_seed({std::string(from.list)});
  out.list = verdict.tier.has_value();
  if (!out.list) out.notes.push_back(fmt::format("the compiled list is not used: {}", base::name(verdict.what)));
  return out;
}

} // namespace landfall::seeds
