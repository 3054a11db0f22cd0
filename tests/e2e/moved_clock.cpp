// Preloaded into a program: its wall clock is off, and its machine has slept, by as much as a file says. The file,
// named by LANDFALL_TEST_CLOCK, holds two 64-bit numbers of seconds (wall clock ahead; asleep), and whoever has it open
// moves the clocks while the program runs. The steady clock goes on as it is.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

struct offsets {
  std::int64_t wall, asleep;
};

const volatile offsets& moved_by() {
  static const offsets nothing{};
  static const volatile offsets* const shared = [] {
    const char* path = std::getenv("LANDFALL_TEST_CLOCK");
    const int file = path != nullptr ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return &nothing;
    void* const mapped = ::mmap(nullptr, sizeof(offsets), PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    return mapped != MAP_FAILED ? static_cast<const offsets*>(mapped) : &nothing;
  }();
  return *shared;
}

} // namespace

extern "C" {

int clock_gettime(clockid_t which, timespec* out) noexcept {
  const long failed = syscall(SYS_clock_gettime, which, out);
  if (failed != 0) return static_cast<int>(failed);
  if (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE) out->tv_sec += moved_by().wall;
  if (which == CLOCK_BOOTTIME) out->tv_sec += moved_by().asleep;
  return 0;
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
