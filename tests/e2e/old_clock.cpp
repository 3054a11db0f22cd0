// Preloaded into a program: its wall clock stands in 2015, its steady clock goes on. For tests of a clock that is
// behind.
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <ctime>

namespace {
constexpr long years_back = 11L * 365 * 24 * 3600; // 2026 to 2015
} // namespace

extern "C" {

int clock_gettime(clockid_t which, timespec* out) noexcept {
  const long failed = syscall(SYS_clock_gettime, which, out);
  if (failed == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) out->tv_sec -= years_back;
  return static_cast<int>(failed);
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

} // extern "C"
