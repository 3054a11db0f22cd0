#include "base/sensitive.hpp"

#include <string.h>

#include <atomic>

namespace landfall::base {

namespace {
std::atomic<bool> unsafe{false};
}

bool unsafe_logging() noexcept { return unsafe.load(std::memory_order_relaxed); }
void unsafe_logging(bool on) noexcept { unsafe.store(on, std::memory_order_relaxed); }
void wipe(void* data, std::size_t size) noexcept {
  if (size != 0) explicit_bzero(data, size);
}

} // namespace landfall::base
