// Jitter from a seed. Not a standard distribution: those differ between libraries, and a printed seed must mean one
// thing.
#pragma once

#include <random>

namespace landfall::fallback {

/// Uniform in [0, 1).
[[nodiscard]] inline double unit(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

} // namespace landfall::fallback
