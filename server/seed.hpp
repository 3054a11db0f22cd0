// The seed from which everything secret of a server follows, for those who keep no files. Reads the environment.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"

namespace landfall::server {

/// 64 hex digits.
inline constexpr const char* seed_variable = "LANDFALL_SERVER_SEED";

/// Its 32 bytes, empty where there is none; taken out of the environment, which others of this user can read. Errors:
/// malformed.
[[nodiscard]] base::result<base::secret> take_seed();

/// Any other secret in the environment, taken out of it in the same way; empty where there is none.
[[nodiscard]] base::secret take_from_environment(const char* variable);

} // namespace landfall::server
