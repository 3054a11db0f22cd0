// Which tunnel first: what was learnt of each on each network. A pure value: the time is given.
//
//   last good on this network    first, for half an hour: then the cheaper ones are tried again
//   failed where another worked  last, for as long as policy_of(timed_out) says
//   the rest                     in the order of the configuration
//
// A tunnel counts as failed only when another reached the same destination: a peer that is down is nobody's fault.
//
// Kept over restarts as tunnels.json in the state folder, 0600, under the rules of the network memory
// (fallback/memory.hpp): keyed hashes and times, nothing that names a network or a way out, nothing older than half an
// hour. Every entry is hashed together with its network, so that not even how many networks there were is told.
#pragma once

#include "base/clock.hpp"
#include "fallback/keyed.hpp"

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::sidecar {

class tunnel_memory {
public:
  static constexpr std::chrono::minutes good_for{30};
  static constexpr std::size_t max_remembered = 256; ///< sixteen networks of sixteen tunnels; then the oldest goes
  static constexpr std::size_t max_text = std::size_t{64} * 1024;

  /// What an attempt found out, in order: those that failed, then the one that did not, if any.
  struct attempt {
    std::vector<std::string> failed;
    std::optional<std::string> good;
  };

  /// `names` in the order to try.
  [[nodiscard]] std::vector<std::string> order(const fallback::network_id& here, std::vector<std::string> names,
                                               base::unix_time now) const;
  /// False: nothing that is worth writing; the same again within a minute is not even noted.
  bool record(const fallback::network_id& here, const attempt& found, base::unix_time now);

  [[nodiscard]] std::string to_text(base::unix_time now) const;
  /// nullopt: the text is damaged. What is too old or in the future is left out.
  [[nodiscard]] static std::optional<tunnel_memory> from_text(std::string_view text, base::unix_time now);
  /// Errors: local_error; the old file stays.
  [[nodiscard]] base::result<void> save(const std::filesystem::path& folder, base::unix_time now) const;
  /// No file: nothing remembered. What cannot be read or is damaged: set aside, and a line in `complaints`.
  [[nodiscard]] static tunnel_memory load(const std::filesystem::path& folder, base::unix_time now,
                                          std::vector<std::string>& complaints);

private:
  struct seen {
    bool good = false; ///< else it failed
    base::unix_time at = 0;
  };
  [[nodiscard]] static fallback::memory_key key_of(const fallback::network_id& here, std::string_view name);
  bool note(const fallback::memory_key& key, seen what);

  std::map<fallback::memory_key, seen> seen_; ///< the last that happened to each tunnel of each network
};

} // namespace landfall::sidecar
