#include "trust/document.hpp"

#include <fmt/format.h>

#include <array>

namespace landfall::trust {

namespace {

struct words {
  std::string_view name, payload_type, context;
};

constexpr std::array<words, 3> table{{
    {"root", "application/vnd.landfall.root.v1+json", "landfall/root/v1"},
    {"peerlist", "application/vnd.landfall.peerlist.v1+json", "landfall/list/v1"},
    {"livelist", "application/vnd.landfall.livelist.v1+json", "landfall/live/v1"},
}};

const words& of(document_type type) noexcept { return table[static_cast<std::size_t>(type)]; }

} // namespace

std::string_view name(document_type type) noexcept { return of(type).name; }
std::string_view payload_type(document_type type) noexcept { return of(type).payload_type; }
std::string_view context(document_type type) noexcept { return of(type).context; }

std::string document_path(std::string_view network, std::string_view channel, document_type type,
                          std::int64_t root_version) {
  switch (type) {
  case document_type::root: return fmt::format("v1/{}/root/{}", network, root_version);
  case document_type::list: return fmt::format("v1/{}/{}/list", network, channel);
  case document_type::live: return fmt::format("v1/{}/live", network);
  }
  return {}; // unreachable: the switch is total
}

} // namespace landfall::trust
