// The documents compiled into this program: the first-run floor, and what is handed over when nothing else is there.
#pragma once

#include "trust/document.hpp"

#include <string_view>
#include <vector>

namespace landfall::seeds {

struct compiled_seeds {
  std::string_view network;            ///< empty: this build carries no seeds
  std::vector<std::string_view> roots; ///< envelopes, ascending versions
  std::string_view list;               ///< envelope
  std::string_view origin;             ///< last part of the folder name given as LANDFALL_SEEDS, for provenance
  std::string_view sha256;             ///< hex, of the files: roots in order, then the list
  base::unix_time built = 0;           ///< when they were compiled in
};

/// Generated at build time from LANDFALL_SEEDS by seeds/embed.py.
[[nodiscard]] const compiled_seeds& compiled() noexcept;

/// True for the repository's own network `demo`, whose secret keys are public: refused outside `landfall demo`.
[[nodiscard]] bool is_demo(std::string_view network) noexcept;

} // namespace landfall::seeds
