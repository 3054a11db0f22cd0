// Whether what lies at a path is a tor's cookie: the decision alone, for what fstat and read have told. Pure.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"

#include <cstdint>

namespace landfall::onion {

struct cookie_facts {
  bool regular = false; ///< a plain file: no device, no pipe, no folder
  bool trusted = false; ///< of its owner: us, root, or the owner of its folder
  std::uint64_t size = 0;
};

/// Errors: local_error, saying which of these it is not. `content` may be shorter than it says: it changes while read.
[[nodiscard]] base::result<base::secret> cookie_of(const cookie_facts& facts, base::secret content);

} // namespace landfall::onion
