// The one file on disk of what we believe: STATE/trust-<hash of the network>-<channel>.json (temp, fsync, rename, fsync
// of the folder), written only after every check, re-verified from nothing on load. A damaged file, one of another
// format, or one of another root is set aside as "….damaged" and never blocks the start. The floor has a second copy of
// its own (…-floor.json), so that deleting or losing the list does not re-open the door to old ones.
//
//   {"landfall_trust":1,"sha256":"<of the bytes of body>","body":{"network","channel",
//     "chain":[{"version","id"}],                 every root from the anchor on, so that files of another root are
//     known "floor":{"epoch","version","id"}|null, "accepted":<unix time>, "roots":[<envelope>],
//     "list":<envelope>|null, "list_root":<version>, "evidence":[<envelope>]}}
//
// The copy's body ends after "accepted". The hash is against accidents; who can write here can lower the floor (Tor and
// Bitcoin accept the same), but can forge neither root nor list.
#pragma once

#include "trust/state.hpp"

#include <filesystem>

namespace landfall::trust {

class store {
public:
  /// `folder` exists and is private (base::private_folder).
  explicit store(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Brings `s`, which holds the anchor (and perhaps compiled roots and seed), to what was saved. Returns what went
  /// wrong, one line each ("set aside: ..."), never fails. Nothing is wrong with files that are not there.
  std::vector<std::string> load(state& s, base::unix_time wall) const;
  /// Errors: local_error; the old file stays. The list in hand is saved unless it is the compiled seed.
  [[nodiscard]] base::result<void> save(const state& s) const;

  [[nodiscard]] std::filesystem::path file_of(const identity& who) const;
  [[nodiscard]] std::filesystem::path floor_file_of(const identity& who) const;

private:
  std::filesystem::path folder_;
};

} // namespace landfall::trust
