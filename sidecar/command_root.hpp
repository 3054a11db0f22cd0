// The parts of `landfall root`, one file each.
#pragma once

#include "sidecar/publishing.hpp"

#include <optional>
#include <string>
#include <vector>

namespace landfall::sidecar {

/// What `root init` and `root rotate` are told; for rotate, what is left out stays as it is.
struct root_options {
  std::string current; ///< rotate: the root document to follow on
  std::string out, network, life = "365d";
  std::vector<std::string> root_keys, list_keys; ///< .pub files
  std::optional<std::int64_t> root_threshold, list_threshold, epoch, min_version, issued;
  std::optional<std::string> dht_key, dht_salt;
  bool force = false;
};
[[nodiscard]] int init_root(const root_options& how);
[[nodiscard]] int rotate_root(const root_options& how);

struct root_question {
  std::vector<std::string> files;
  std::string network;
  std::optional<std::int64_t> now;
  bool json = false;
};
/// A chain of roots in any order; "accepted" or "refused NAME" first. Exit as `list verify`.
[[nodiscard]] int verify_roots(const root_question& how);
/// One root for people, marked as not verified.
[[nodiscard]] int show_root(const root_question& how);

} // namespace landfall::sidecar
