#include "server/library.hpp"

#include "base/log.hpp"

#include <utility>

namespace landfall::server {

namespace {
using base::level;
using base::log;
} // namespace

base::result<std::optional<catalogue>> library::shelf::renew(bool always) {
  if (!folder) return std::optional<catalogue>();
  // The stamp first: what changes while we read makes the next stamp differ.
  auto seen = stamp_of(*folder);
  if (!seen) return seen.error();
  if (!always && *seen == stamp) return std::optional<catalogue>();
  auto got = read(*folder);
  if (!got) return got.error();
  stamp = std::move(*seen);
  for (const auto& bad : got->bad) log(level::warning, "{}: left out {}: {}", what, bad.name, bad.why);
  log(level::info, "{}: {} in service", what, got->entries.size());
  return std::optional(std::move(got->entries));
}

base::result<library> library::open(std::optional<std::filesystem::path> documents,
                                    std::optional<std::filesystem::path> decoy) {
  library out;
  out.documents_.folder = std::move(documents);
  out.decoy_.folder = std::move(decoy);
  auto first = std::make_shared<content>();
  for (auto [one, into] : {std::pair{&out.documents_, &first->documents}, std::pair{&out.decoy_, &first->decoy}}) {
    auto read = one->renew(true);
    if (!read) return read.error();
    if (*read) *into = std::move(**read);
  }
  out.now_ = std::move(first);
  return out;
}

void library::refresh(bool everything) {
  const auto renewed = [everything](shelf& one) -> std::optional<catalogue> {
    auto read = one.renew(everything);
    if (read) {
      one.complained = false;
      return std::move(*read);
    }
    if (!std::exchange(one.complained, true))
      log(level::warning, "{}: {}; what was read before stays in service", one.what, read.error().detail);
    return std::nullopt;
  };
  auto documents = renewed(documents_);
  auto decoy = renewed(decoy_);
  if (!documents && !decoy) return;
  auto next = std::make_shared<content>(*now_);
  if (documents) next->documents = std::move(*documents);
  if (decoy) next->decoy = std::move(*decoy);
  now_ = std::move(next);
}

} // namespace landfall::server
