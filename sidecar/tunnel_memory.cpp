#include "sidecar/tunnel_memory.hpp"

#include "base/file.hpp"
#include "base/json.hpp"
#include "base/outcome.hpp"
#include "crypto/hash.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace landfall::sidecar {

namespace {

namespace json = boost::json;

constexpr const char* file_name = "tunnels.json";
constexpr int spec = 1;
constexpr std::size_t depth = 3;
constexpr std::chrono::minutes grain{1};
static_assert(tunnel_memory::max_remembered * 96 < tunnel_memory::max_text);

/// A clock that was set back makes times of the future: they say nothing.
bool within(std::chrono::seconds span, base::unix_time at, base::unix_time now) {
  return at <= now && now - at < span.count();
}

} // namespace

/// The network's own id is a hash under the secret of the state folder: who has it can try three names, and so can who
/// has that secret. Neither is told by this file.
fallback::memory_key tunnel_memory::key_of(const fallback::network_id& here, std::string_view name) {
  const std::string_view id(reinterpret_cast<const char*>(here.bytes.data()), here.bytes.size());
  const auto whole = crypto::hmac_sha256(id, fmt::format("tunnel:{}", name));
  fallback::memory_key out;
  std::copy_n(whole.bytes.begin(), out.bytes.size(), out.bytes.begin());
  return out;
}

std::vector<std::string> tunnel_memory::order(const fallback::network_id& here, std::vector<std::string> names,
                                              base::unix_time now) const {
  const auto rests = base::policy_of(base::outcome::timed_out).retry;
  struct place {
    int rank = 1;
    base::unix_time good = 0;
  };
  std::map<std::string, place> places;
  for (const auto& name : names) {
    const auto found = seen_.find(key_of(here, name));
    if (found == seen_.end()) continue;
    const auto& [good, at] = found->second;
    if (good && within(good_for, at, now)) places[name] = {0, at};
    if (!good && within(rests, at, now)) places[name].rank = 2;
  }
  std::ranges::stable_sort(names, [&](const std::string& a, const std::string& b) {
    const auto &one = places[a], &other = places[b];
    return one.rank == other.rank ? one.good > other.good : one.rank < other.rank;
  });
  return names;
}

bool tunnel_memory::note(const fallback::memory_key& key, seen what) {
  const auto before = seen_.find(key);
  if (before != seen_.end() && before->second.good == what.good && within(grain, before->second.at, what.at))
    return false;
  if (seen_.size() >= max_remembered && !seen_.contains(key))
    seen_.erase(std::ranges::min_element(seen_, {}, [](const auto& one) { return one.second.at; }));
  seen_[key] = what;
  return true;
}

bool tunnel_memory::record(const fallback::network_id& here, const attempt& found, base::unix_time now) {
  if (!found.good) return false;
  bool out = note(key_of(here, *found.good), {true, now});
  for (const auto& name : found.failed) out = note(key_of(here, name), {false, now}) || out;
  return out;
}

std::string tunnel_memory::to_text(base::unix_time now) const {
  json::object all;
  for (const auto& [key, what] : seen_)
    if (within(good_for, what.at, now)) all[key.hex()] = json::object{{"good", what.good}, {"at", what.at}};
  return json::serialize(json::object{{"spec", spec}, {"tunnels", std::move(all)}}) + "\n";
}

std::optional<tunnel_memory> tunnel_memory::from_text(std::string_view text, base::unix_time now) {
  const auto parsed = text.size() > max_text ? base::fail(base::outcome::too_large) : base::parse_json(text, depth);
  const auto* whole = parsed ? parsed->if_object() : nullptr;
  const auto* version = whole ? whole->if_contains("spec") : nullptr;
  const auto* all = whole && whole->contains("tunnels") ? whole->at("tunnels").if_object() : nullptr;
  if (!version || !version->is_int64() || version->get_int64() != spec || !all || all->size() > max_remembered)
    return std::nullopt;
  tunnel_memory out;
  for (const auto& [name, value] : *all) {
    const auto key = fallback::memory_key::from_hex({name.data(), name.size()});
    const auto* one = value.if_object();
    const auto* good = one ? one->if_contains("good") : nullptr;
    const auto* at = one ? one->if_contains("at") : nullptr;
    if (!key || !good || !good->is_bool() || !at || !at->is_int64() || at->get_int64() < 0) return std::nullopt;
    if (within(good_for, at->get_int64(), now)) out.seen_[*key] = {good->get_bool(), at->get_int64()};
  }
  return out;
}

base::result<void> tunnel_memory::save(const std::filesystem::path& folder, base::unix_time now) const {
  return base::write_file(folder / file_name, to_text(now));
}

tunnel_memory tunnel_memory::load(const std::filesystem::path& folder, base::unix_time now,
                                  std::vector<std::string>& complaints) {
  const auto file = folder / file_name;
  std::error_code ec;
  if (std::filesystem::symlink_status(file, ec).type() == std::filesystem::file_type::not_found) return {};
  const auto text = base::read_file(file, max_text);
  auto out = text ? from_text(*text, now) : std::nullopt;
  if (out) return std::move(*out);
  base::set_aside(file);
  complaints.push_back(fmt::format("set aside: {}: {}", file.string(), text ? "damaged" : text.error().detail));
  return {};
}

} // namespace landfall::sidecar
