// What the store's files say: state to text and back. Pure; nothing read here is believed (store.cpp offers it to a
// state).
#pragma once

#include "trust/state.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::trust {

struct saved_root {
  std::int64_t version = 0;
  std::string id;       ///< hex
  std::string envelope; ///< empty for the anchor, and in the copy of the floor
};

struct saved {
  std::vector<saved_root> chain; ///< from the anchor on
  std::optional<trust::floor> floor;
  base::unix_time accepted = 0;
  std::optional<std::string> list; ///< envelope
  std::int64_t list_root = 0;
  std::vector<std::string> evidence; ///< envelopes
};

/// The bytes of the two files.
[[nodiscard]] std::string saved_text(const state& s);
[[nodiscard]] std::string saved_floor_text(const state& s);

/// Errors: malformed, too_large.
[[nodiscard]] base::result<saved> read_saved(std::string_view text, const identity& who);

/// `body` with the head and hash that read_saved asks for.
[[nodiscard]] std::string sealed(std::string_view body);

} // namespace landfall::trust
