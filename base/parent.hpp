// Ending with the parent: the kernel's PR_SET_PDEATHSIG, and the race around it. Linux only; the one file that knows.
#pragma once

#include <sys/types.h>

#include <optional>

namespace landfall::base {

/// Asks for SIGTERM when the parent dies. False: it is dead already, so there is nothing to run for.
///
/// The signal is armed for the parent that we have at that moment, and a parent that died before was replaced by init
/// or a subreaper without a signal. So the parent is compared with `expected`; without one with what it was on entry,
/// which leaves the time before the program began uncovered: whoever starts us can close it by telling its own pid. The
/// kernel means the parent's thread that forked us: a parent must not end that thread before us.
[[nodiscard]] bool tie_to_parent(std::optional<pid_t> expected);

} // namespace landfall::base
