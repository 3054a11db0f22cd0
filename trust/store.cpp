#include "trust/store.hpp"

#include "base/file.hpp"
#include "trust/saved.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace landfall::trust {

namespace {

/// A root has up to 128 KiB and its chain grows by one or two a year; more than this is no file of ours.
constexpr std::size_t max_file = 32 * 1024 * 1024;

/// A floor means something within one chain of roots only: a network that was made anew under its old name begins at 1.
bool same_chain(const saved& from, const state& s) {
  bool shared = false;
  for (const auto& ours : s.roots()) {
    for (const auto& theirs : from.chain) {
      if (theirs.version != ours->version) continue;
      if (theirs.id != ours.id().hex()) return false;
      shared = true;
    }
  }
  return shared;
}

void put_aside(const std::filesystem::path& path, std::string_view why, std::vector<std::string>& complaints) {
  base::set_aside(path);
  complaints.push_back(fmt::format("set aside: {}: {}", path.filename().string(), why));
}

std::optional<saved> read(const std::filesystem::path& path, const state& s, std::vector<std::string>& complaints) {
  std::error_code ignored;
  if (std::filesystem::symlink_status(path, ignored).type() == std::filesystem::file_type::not_found)
    return std::nullopt;
  const auto text = base::read_file(path, max_file);
  auto out = text ? read_saved(*text, s.who()) : base::result<saved>(text.error());
  if (out && same_chain(*out, s)) return *std::move(out);
  put_aside(path, out ? "of another root than ours" : out.error().detail, complaints);
  return std::nullopt;
}

/// Roots of `from` that follow ours, up to version `last`. False when one does not verify.
bool offer_roots(state& s, const saved& from, std::int64_t last, base::unix_time wall) {
  for (const auto& root : from.chain) {
    if (root.version <= s.root()->version) continue;
    if (root.version > last) return true;
    if (!s.offer_root({root.envelope}, wall)) return false;
  }
  return true;
}

/// Empty, or why the stored list is not used.
std::string offer_list(state& s, const saved& from, base::unix_time wall) {
  if (!from.list) return {};
  const auto verdict = s.offer_list({*from.list}, wall);
  if (verdict.adopted || verdict.what == base::outcome::verified_same) return {};
  return fmt::format("the stored list: {}: {}", base::name(verdict.what), verdict.detail);
}

} // namespace

std::filesystem::path store::file_of(const identity& who) const {
  // Names come from configuration and documents, so no byte of theirs goes into a path but those that are harmless.
  const auto harmless = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  const bool plain = who.channel.size() <= 32 && std::ranges::all_of(who.channel, harmless);
  const auto channel = plain ? who.channel : crypto::sha256(who.channel).hex().substr(0, 16);
  return folder_ / fmt::format("trust-{}-{}.json", crypto::sha256(who.network).hex().substr(0, 16), channel);
}

std::filesystem::path store::floor_file_of(const identity& who) const {
  auto path = file_of(who);
  return path.replace_filename(path.stem().string() + "-floor.json");
}

std::vector<std::string> store::load(state& s, base::unix_time wall) const {
  std::vector<std::string> complaints;
  const auto whole = read(file_of(s.who()), s, complaints);
  const auto copy = read(floor_file_of(s.who()), s, complaints);
  // As it happened: the roots up to the one by whose keys the list was verified, the list, the roots after it.
  bool roots_hold = !whole || offer_roots(s, *whole, whole->list_root, wall);
  if (whole && whole->floor) s.restore(*whole->floor, whole->accepted, whole->evidence);
  if (copy && copy->floor) s.restore(*copy->floor, whole ? 0 : copy->accepted, {});
  if (!whole) return complaints;
  const auto unused = offer_list(s, *whole, wall);
  roots_hold = roots_hold && offer_roots(s, *whole, std::numeric_limits<std::int64_t>::max(), wall);
  if (!roots_hold) put_aside(file_of(s.who()), "a root in it does not verify", complaints);
  if (!unused.empty()) complaints.push_back("not used: " + unused);
  return complaints;
}

base::result<void> store::save(const state& s) const {
  // The copy last: a floor ahead of its list would keep the list from being taken after a crash between the two.
  if (auto written = base::write_file(file_of(s.who()), saved_text(s)); !written) return written.error();
  return base::write_file(floor_file_of(s.who()), saved_floor_text(s));
}

} // namespace landfall::trust
