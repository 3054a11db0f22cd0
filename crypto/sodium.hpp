// libsodium, initialised: before that it computes the same, several times slower, by its portable code.
#pragma once

namespace landfall::crypto {

/// To be called before every use of libsodium; a look at a flag after the first time.
void sodium_ready() noexcept;

} // namespace landfall::crypto
