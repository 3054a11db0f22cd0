#include "base/parent.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

namespace landfall::base {

bool tie_to_parent(std::optional<pid_t> expected) {
  const pid_t parent = expected.value_or(::getppid());
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return false;
  return ::getppid() == parent;
}

} // namespace landfall::base
