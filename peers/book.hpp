// book: the peers that we know: those of the list in hand, those added by hand, and how the VPN fared with each. One
// file, peers.json in the state folder; damaged ones are set aside. (A full address book comes later.)
#pragma once

#include "peers/selection.hpp"
#include "trust/state.hpp"

#include <filesystem>
#include <map>

namespace landfall::peers {

/// What the VPN's own authenticated handshake told us. Only that counts as good.
struct experience {
  int failures = 0;
  std::int64_t successes = 0;
  base::unix_time last_ok = 0, last_failed = 0, first_seen = 0;
  std::int64_t rtt_ms = 0;
};

inline constexpr std::size_t max_remembered = 4096; ///< peers with experience; the least recent go first
inline constexpr std::size_t max_manual = 64;
inline constexpr std::size_t max_book_size =
    2 * 1024 * 1024; ///< bytes on disk; max_remembered entries come to half of it

class book {
public:
  /// Signed peers of the list we hold (or of the compiled seeds) and manual ones, with their experience.
  [[nodiscard]] std::vector<candidate> candidates(const trust::state& state, base::unix_time now) const;

  /// The VPN reports. False when no such peer is known (nothing is remembered of strangers).
  bool report(const trust::state& state, const std::string& id, bool ok, std::optional<std::int64_t> rtt_ms,
              base::unix_time now);
  /// A peer by hand; without an id its id is "~" + base64url SHA-256(first endpoint). Errors: too_large, malformed.
  [[nodiscard]] base::result<std::string> add(std::vector<config::endpoint> endpoints, std::optional<std::string> id,
                                              base::unix_time now);
  /// True when every peer of `ids` failed after its last success: the VPN needs a race.
  [[nodiscard]] bool all_failed(const std::vector<std::string>& ids) const;
  /// Notes when a peer was first seen in an adopted list.
  void seen(const trust::state& state, base::unix_time now);

  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] static std::optional<book> from_text(std::string_view text);
  [[nodiscard]] base::result<void> save(const std::filesystem::path& file) const;
  [[nodiscard]] static book load(const std::filesystem::path& file, std::vector<std::string>& complaints);

private:
  std::map<std::string, experience> experience_;
  std::vector<candidate> manual_;
};

} // namespace landfall::peers
