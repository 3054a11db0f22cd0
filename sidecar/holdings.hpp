// What we hold and keep: trust, address book, memory of networks and of tunnels, and their files in the state folder.
//
// The files are read once, at the start; what is damaged is set aside and complained about, never fatal. A disk that
// cannot be written is a warning, not an end: everything goes on in memory, and each save is tried anew.
#pragma once

#include "base/file.hpp"
#include "config/settings.hpp"
#include "fallback/memory.hpp"
#include "peers/book.hpp"
#include "sidecar/tunnel_memory.hpp"
#include "trust/store.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace landfall::sidecar {

class holdings {
public:
  /// Told when something goes wrong with this machine, once per kind until it is well again.
  using complaint_fn = std::function<void(const std::string& text)>;

  /// Reads and verifies the anchor (network.root), locks the state folder, loads what was saved, adds the compiled
  /// seeds where the network is theirs. `demo`: network `demo`, whose keys are public, is allowed. Errors: bad_root,
  /// below_threshold, wrong_network (the anchor; a missing one is bad_root), local_error (the folder is not private, or
  /// another landfall uses it), wrong_network also for the demo's network without `demo`.
  [[nodiscard]] static base::result<std::unique_ptr<holdings>> open(const config::settings& settings,
                                                                    const base::clock& clock, bool demo);

  trust::state trust;
  fallback::network_memory memory;
  peers::book book;
  tunnel_memory tunnels;

  /// Save, or warn. Writing takes a few milliseconds (fsync).
  void save_trust();
  void save_memory();
  void save_book();
  void save_tunnels(base::unix_time wall);

  void on_complaint(complaint_fn tell) { tell_ = std::move(tell); }
  /// Sets or takes back (empty text) a warning for `landfall status`. A new one is logged and told.
  void warn(const std::string& about, std::string text);
  [[nodiscard]] std::vector<std::string> warnings() const;

private:
  holdings(trust::state state, std::filesystem::path folder);
  /// Locks the folder; false when it cannot be written, which is a warning.
  [[nodiscard]] base::result<void> lock();
  void load(base::unix_time wall);
  void add_seeds(base::unix_time wall);
  void note(const std::string& about, const base::result<void>& saved);

  std::filesystem::path folder_;
  trust::store store_;
  std::optional<base::folder_lock> lock_;
  std::map<std::string, std::string> warnings_;
  complaint_fn tell_;
};

} // namespace landfall::sidecar
