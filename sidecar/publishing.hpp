// What the `list` and `root` commands share: reading and writing documents, dates, chains of roots from files, and how
// their answers look. No network.
#pragma once

#include "base/result.hpp"
#include "sidecar/cli.hpp"
#include "trust/publish.hpp"
#include "trust/state.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::sidecar {

inline constexpr std::int64_t day = 86400;

/// "90" and "90s" seconds, "15m", "24h", "14d"; nullopt for anything else, 0 and more than 100 years.
[[nodiscard]] std::optional<std::int64_t> parse_duration(std::string_view text) noexcept;
/// For CLI11: an empty text, or what is wrong with a duration.
[[nodiscard]] std::string duration_problem(const std::string& text);
/// "2026-11-20T00:00:00Z"
[[nodiscard]] std::string utc(base::unix_time at);

/// For CLI11: an empty text, or what is wrong with the name of a network or channel: what no configuration could name
/// must not be published.
[[nodiscard]] std::string name_problem(const std::string& text);

/// Says a failure about `where` on stderr, with the advice that belongs to its class.
int complain(exit_status status, const base::failure& why, std::string_view where);

/// A whole file of at most trust::max_envelope bytes. Errors: local_error, too_large.
[[nodiscard]] base::result<std::string> read_document(const std::string& path);
/// As base::write_file, but readable by all: it is to be served. Refuses to replace a file unless `replace`.
[[nodiscard]] base::result<void> write_public(const std::string& path, std::string_view content, bool replace);

/// A document's payload as JSON without any check of signatures: for `show` and for what is about to be signed.
struct unchecked {
  trust::peeked envelope;
  boost::json::object payload;
};
[[nodiscard]] base::result<unchecked> read_unchecked(std::string_view envelope);

/// A member of a JSON object, or nothing of another type.
[[nodiscard]] std::optional<std::int64_t> number_of(const boost::json::object& object, std::string_view name);
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view name);

/// Roots from files, ascending by the version that they claim. Errors: local_error; what verify_anchor says about one
/// that does not even have a version.
struct root_file {
  std::string path, network;
  std::int64_t version = 0;
  trust::unverified_document document;
};
[[nodiscard]] base::result<std::vector<root_file>> read_roots(const std::vector<std::string>& paths);

/// Trust that begins at the lowest of `roots`, for its network when `who` names none. Errors as verify_anchor.
[[nodiscard]] base::result<trust::state> begin_trust(trust::identity who, const std::vector<root_file>& roots);
/// The roots above the one that `s` is at, one by one; at most trust::max_root_steps, so that a run is bounded: what
/// needs more is told root_needed. Errors as verify_next_root.
[[nodiscard]] base::result<void> follow_roots(trust::state& s, const std::vector<root_file>& roots,
                                              base::unix_time now);

/// The number of bytes that this payload takes with `signatures`, as DSSE JSON and as binary frame.
struct sizes {
  std::size_t envelope = 0, frame = 0;
};
[[nodiscard]] sizes sizes_of(trust::document_type type, std::size_t payload, std::size_t signatures);

/// Adds the signature of the key at `key_path` to the document at `path`, which must be of this type; writes it back,
/// or to `out` when that is not empty.
struct signing {
  std::string path, key_path, passphrase_file, out;
  bool force = false;
};
[[nodiscard]] int sign_document(trust::document_type type, const signing& how);

} // namespace landfall::sidecar
