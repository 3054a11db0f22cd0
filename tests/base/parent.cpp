#include "base/parent.hpp"

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace landfall;

namespace {

/// Runs `what` in a child; its exit status.
template <class F> int in_child(F what) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(what());
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("a process is tied to the parent that it expects") {
  const pid_t self = ::getpid();
  CHECK(in_child([self] { return base::tie_to_parent(self) ? 0 : 1; }) == 0);
  CHECK(in_child([] { return base::tie_to_parent(std::nullopt) ? 0 : 1; }) == 0);
}

TEST_CASE("a parent that died before is noticed") {
  CHECK(in_child([] { return base::tie_to_parent(1) || ::getppid() == 1 ? 1 : 0; }) == 0);
}

TEST_CASE("a process that is tied ends with its parent") {
  // We adopt the orphan, so that its end can be waited for.
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  int told[2];
  REQUIRE(::pipe(told) == 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGTERM, SIG_DFL); // not the test program's handler
      const pid_t self = base::tie_to_parent(std::nullopt) ? ::getpid() : 0;
      [[maybe_unused]] const auto n = ::write(told[1], &self, sizeof(self));
      for (;;) ::pause();
    }
    for (;;) ::pause();
  }
  pid_t orphan = 0;
  REQUIRE(::read(told[0], &orphan, sizeof(orphan)) == sizeof(orphan));
  REQUIRE(orphan > 0);
  REQUIRE(::kill(parent, SIGKILL) == 0);
  REQUIRE(::waitpid(parent, nullptr, 0) == parent);
  int status = 0;
  CHECK(::waitpid(orphan, &status, 0) == orphan);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  ::close(told[0]);
  ::close(told[1]);
}
