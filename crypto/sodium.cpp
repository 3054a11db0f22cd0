#include "crypto/sodium.hpp"

#include <sodium.h>

#include <cstdlib>

namespace landfall::crypto {

void sodium_ready() noexcept {
  static const bool ready = sodium_init() >= 0;
  if (!ready) std::abort(); // no random bytes: nothing to go on with
}

} // namespace landfall::crypto
