// network_memory: what is remembered of networks and routes over restarts: penalties and track records. A pure value;
// load and save are two files of the state folder, 0600:
//
//   memory.key    32 random bytes, made at the first start: the key of everything below
//   memory.json   keyed hashes, numbers and classes of outcome; nothing that names a network, a route or a host
//
// A damaged or foreign file is set aside and complained about, never fatal; times in the future (the clock was set
// back) are clamped. Without its key the memory is noise, which fades and is forgotten like everything else.
#pragma once

#include "fallback/penalties.hpp"
#include "fallback/track_record.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace landfall::fallback {

/// Its two files in the state folder.
inline constexpr const char* memory_key_file = "memory.key";
inline constexpr const char* memory_file = "memory.json";
/// Far above what max_networks, max_routes_of_a_network and max_penalties come to: see memory_text.cpp.
inline constexpr std::size_t max_memory_text = std::size_t{2} * 1024 * 1024;

class network_memory {
public:
  /// Nothing is remembered; the key is new.
  network_memory();
  explicit network_memory(base::secret key);

  [[nodiscard]] network_id network_of(std::string_view identity) const { return keys_->network(identity); }

  /// Applied once after a race to each report that counts: penalty and track record.
  void record(const network_id& here, const route& what, const lane_report& report, base::unix_time now, double jitter);

  [[nodiscard]] std::optional<wait> waits(const network_id& here, const route& what, base::unix_time now) const;
  [[nodiscard]] const penalties& penalised() const noexcept { return penalties_; }
  /// nullptr: never tried on this network, or forgotten.
  [[nodiscard]] const route_record* record_of(const network_id& here, const route& what) const;
  [[nodiscard]] odds odds_of(const network_id& here, const route& what, base::unix_time now) const;

  /// For a clock that was set back: nothing lies in the future, and nobody waits longer than the longest penalty.
  void cap(base::unix_time now);

  [[nodiscard]] std::string to_text() const;
  /// Replaces what is remembered. False, and nothing changes: the text is damaged.
  [[nodiscard]] bool from_text(std::string_view text, base::unix_time now);

  /// Errors: local_error; the old file stays.
  [[nodiscard]] base::result<void> save(const std::filesystem::path& folder) const;
  /// No file: nothing remembered. What cannot be read or is damaged: set aside, and a line in `complaints`. A key that
  /// cannot be written is used all the same until the process ends. Removes fallback.json, which an earlier version
  /// wrote with the routes' names in it: what waited there waits a day at most.
  [[nodiscard]] static network_memory load(const std::filesystem::path& folder, base::unix_time now,
                                           std::vector<std::string>& complaints);

private:
  std::shared_ptr<const keyer> keys_;
  penalties penalties_;
  track_record records_;
};

} // namespace landfall::fallback
