// A parent's environment, NAME=VALUE a line, and what tor says at the extended OR port. Requests are well formed,
// refusals two lines at most; the port never gets more of us than it asked for.
#include "wire/pt_request.hpp"

#include "wire/ext_or.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  wire::ext_or_client client(base::secret(std::string(32, 'c')), std::string(32, 'n'), "192.0.2.1:1", "obfs4");
  for (auto rest = text; !rest.empty() && client.wanted() > 0;) {
    const auto piece = rest.substr(0, std::min(client.wanted(), rest.size()));
    rest.remove_prefix(piece.size());
    const auto step = client.take(piece);
    if (!step) break;
    if (step->accepted != (client.wanted() == 0)) std::abort();
  }
  std::map<std::string, std::string> variables;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto equals = std::min(line.find('='), line.size());
    variables["TOR_PT_" + std::string(line.substr(0, equals))] = line.substr(std::min(equals + 1, line.size()));
  }
  const auto read = wire::read_pt_request([&variables](const char* name) -> std::optional<std::string> {
    const auto at = variables.find(name);
    if (at == variables.end() || at->second.empty()) return std::nullopt;
    return at->second;
  });
  if (!read) return 0;
  if (const auto* refusal = std::get_if<wire::pt_refusal>(&*read)) {
    if (refusal->lines.empty() || refusal->lines.size() > 2) std::abort();
    return 0;
  }
  const auto& asked = std::get<wire::pt_request>(*read);
  if (asked.names.empty() || asked.names.size() > wire::max_pt_names || !asked.state.starts_with('/')) std::abort();
  for (const auto& name : asked.names)
    if (!wire::is_pt_name(name)) std::abort();
  return 0;
}
