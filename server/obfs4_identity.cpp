#include "server/obfs4_identity.hpp"

#include "base/file.hpp"
#include "server/seed.hpp"

#include <fmt/format.h>

#include <system_error>

namespace landfall::server {

namespace {
using base::fail;
using base::outcome;

base::result<wire::obfs4_identity> from_file(const std::filesystem::path& path) {
  std::error_code ec;
  if (!std::filesystem::exists(path, ec) && !ec) {
    auto made = wire::make_obfs4_identity();
    // A bridge that forgets its identity at the next start would leave its clients with a dead line.
    if (auto kept = base::write_file(path, wire::obfs4_state(made) + "\n"); !kept) return kept.error();
    return made;
  }
  auto text = base::read_file(path, wire::max_obfs4_state);
  if (!text) return text.error();
  auto read = wire::read_obfs4_state(*text);
  base::wipe(text->data(), text->size());
  if (!read) return fail(outcome::malformed, fmt::format("{}: {}", path.string(), read.error().detail));
  return read;
}
} // namespace

base::result<wire::obfs4_identity> load_obfs4_identity(const std::optional<std::filesystem::path>& state,
                                                       const base::secret& seed) {
  if (state) return from_file(*state);
  if (!seed.reveal().empty()) return wire::derive_obfs4_identity(seed.reveal());
  return fail(outcome::malformed, fmt::format("--obfs4 needs --obfs4-state FILE, or {}", seed_variable));
}

} // namespace landfall::server
