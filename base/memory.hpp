// Memory as the operating system sees it; the one file for what platforms differ in here.
#pragma once

namespace landfall::base {

/// Gives free heap pages back to the system, where the C library can (glibc): a program that starts with a burst of
/// verification and then waits for days should not keep that burst's pages.
void give_back_memory() noexcept;

} // namespace landfall::base
