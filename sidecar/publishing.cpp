#include "sidecar/publishing.hpp"

#include "base/file.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "config/route_reader.hpp"
#include "sidecar/keys.hpp"
#include "trust/limits.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <filesystem>

namespace landfall::sidecar {

std::optional<std::int64_t> parse_duration(std::string_view text) noexcept {
  constexpr std::int64_t longest = 100 * 365 * day;
  std::int64_t unit = 1;
  if (!text.empty()) {
    switch (text.back()) {
    case 's': break;
    case 'm': unit = 60; break;
    case 'h': unit = 3600; break;
    case 'd': unit = day; break;
    default: unit = 0;
    }
    if (unit == 0)
      unit = 1;
    else
      text.remove_suffix(1);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value <= 0 || value > longest / unit)
    return std::nullopt;
  return value * unit;
}

std::string duration_problem(const std::string& text) {
  return parse_duration(text) ? std::string() : "'" + text + "' is not a duration such as 90s, 15m, 24h or 14d";
}

std::string name_problem(const std::string& text) {
  if (config::is_route_name(text) && !text.starts_with('.')) return {};
  return "write 1 to 64 of the characters A-Z a-z 0-9 . _ -, no dot first";
}

std::string utc(base::unix_time at) {
  // Years of five digits and more do not fit struct tm's readers; a number says as much.
  if (at < 0 || at > 253402300799) return std::to_string(at);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(at)));
}

namespace {

/// What to do about a document on this machine; base::hint speaks of routes.
std::string_view advice(base::outcome what) noexcept {
  switch (what) {
  case base::outcome::too_large:
  case base::outcome::malformed: return "docs/FORMATS.md says what it may hold";
  case base::outcome::below_threshold:
    return "forged, changed, or not signed by enough keys of the root; do not use it";
  case base::outcome::wrong_network: return "give the root of its own network";
  case base::outcome::wrong_channel: return "name its channel with --channel, if it is the one you want";
  case base::outcome::bad_root: return "do not use it; between two roots every root is needed";
  case base::outcome::root_needed: return "give the newer roots too; a run takes 32 steps";
  case base::outcome::rolled_back: return "a newer one is known; do not use it";
  case base::outcome::equivocation: return "keep both and ask the publisher: its keys have signed two things";
  default: return {};
  }
}

} // namespace

int complain(exit_status status, const base::failure& why, std::string_view where) {
  if (why.what == base::outcome::local_error) return complain(status, base::printable(why.detail, 600), where, {});
  const auto& detail = why.detail.empty() ? std::string(base::explain(why.what)) : why.detail;
  return complain(status, base::printable(fmt::format("{}: {}", base::name(why.what), detail), 600), where,
                  advice(why.what));
}

base::result<std::string> read_document(const std::string& path) { return base::read_file(path, trust::max_envelope); }

base::result<void> write_public(const std::string& path, std::string_view content, bool replace) {
  std::error_code ignored;
  if (!replace && std::filesystem::exists(path, ignored))
    return base::fail(base::outcome::local_error,
                      fmt::format("{} is there already; give another name or --force", path));
  if (auto written = base::write_file(path, content); !written) return written.error();
  using std::filesystem::perms;
  std::filesystem::permissions(path, perms::owner_read | perms::owner_write | perms::group_read | perms::others_read,
                               ignored);
  return {};
}

base::result<unchecked> read_unchecked(std::string_view envelope) {
  auto peeked = trust::dangerously_peek(envelope);
  if (!peeked) return peeked.error();
  auto value = base::parse_json(peeked->payload, trust::max_depth);
  if (!value) return value.error();
  if (!value->is_object()) return base::fail(base::outcome::malformed, "the payload is not an object");
  return unchecked{std::move(*peeked), std::move(value->as_object())};
}

std::optional<std::int64_t> number_of(const boost::json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  if (!found || !found->is_int64()) return std::nullopt;
  return found->as_int64();
}

std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found && found->is_string() ? std::string(found->as_string()) : std::string();
}

base::result<std::vector<root_file>> read_roots(const std::vector<std::string>& paths) {
  std::vector<root_file> roots;
  for (const auto& path : paths) {
    auto bytes = read_document(path);
    if (!bytes) return bytes.error();
    root_file file{path, {}, 0, {std::move(*bytes)}};
    const auto seen = read_unchecked(file.document.bytes);
    const auto version = seen ? number_of(seen->payload, "version") : std::nullopt;
    if (!version) { // let the verifier name what is wrong, in its order of checks
      auto why = trust::verify_anchor(file.document, {});
      auto wrong = why ? base::fail(base::outcome::malformed, "no version") : why.error();
      wrong.detail = fmt::format("{}: {}", path, wrong.detail);
      return wrong;
    }
    file.version = *version;
    file.network = text_of(seen->payload, "network");
    roots.push_back(std::move(file));
  }
  std::stable_sort(roots.begin(), roots.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
  return roots;
}

base::result<trust::state> begin_trust(trust::identity who, const std::vector<root_file>& roots) {
  const auto& first = roots.front();
  if (who.network.empty()) who.network = first.network;
  auto anchor = trust::verify_anchor(first.document, who.network);
  if (!anchor) {
    auto why = anchor.error();
    why.detail = fmt::format("{}: {}", first.path, why.detail);
    return why;
  }
  return trust::state(std::move(who), std::move(*anchor));
}

base::result<void> follow_roots(trust::state& s, const std::vector<root_file>& roots, base::unix_time now) {
  int steps = 0;
  for (const auto& next : roots) {
    if (next.version <= s.root()->version) continue;
    if (steps++ == trust::max_root_steps) return {};
    if (auto taken = s.offer_root(next.document, now); !taken) {
      auto why = taken.error();
      why.detail = fmt::format("{}: {}", next.path, why.detail);
      return why;
    }
  }
  return {};
}

sizes sizes_of(trust::document_type type, std::size_t payload, std::size_t signatures) {
  const auto base64 = [](std::size_t n) { return (n + 2) / 3 * 4; };
  const auto kind = trust::payload_type(type).size();
  constexpr std::size_t keyid_hex = 64, keyid_raw = 32, entry = sizeof(R"({"keyid":"","sig":""},)") - 1;
  const auto shell = trust::make_envelope(type, {}).size();
  return {shell + base64(payload) + signatures * (entry + keyid_hex + base64(crypto::composite_signature_size)),
          4 + 1 + kind + 4 + payload + 1 + signatures * (keyid_raw + crypto::composite_signature_size)};
}

int sign_document(trust::document_type type, const signing& how) {
  const auto envelope = read_document(how.path);
  if (!envelope) return complain(usage, envelope.error(), how.path);
  const auto seen = trust::dangerously_peek(*envelope);
  if (!seen) return complain(usage, seen.error(), how.path);
  if (seen->type != type)
    return complain(usage, fmt::format("this is a {}, not a {}", trust::name(seen->type), trust::name(type)), how.path,
                    "use the other of 'list sign' and 'root sign'");
  const auto key = read_secret_key(how.key_path, how.passphrase_file);
  if (!key) return complain(usage, key.error(), how.key_path);
  const auto sealed = trust::add_signature(*envelope, *key);
  if (!sealed) return complain(usage, sealed.error(), how.path);
  const auto& target = how.out.empty() ? how.path : how.out;
  if (auto written = write_public(target, *sealed, how.out.empty() || how.force); !written)
    return complain(usage, written.error(), target);
  const auto after = trust::dangerously_peek(*sealed);
  fmt::print("signed by {}\n{} signatures in {}, {} bytes\n", key->public_key().id(),
             after ? after->claimed_signers.size() : 0, target, sealed->size());
  return done;
}

} // namespace landfall::sidecar
