// The signals that ask a program to end, once it is ending.
#pragma once

namespace landfall::base {

/// SIGTERM, SIGINT and SIGHUP wait in the kernel from now on: for when whoever caught them (libevent, Asio) is taken
/// down. It gives the signals back to their default, and a second SIGTERM would then kill a program that is about to
/// end well: its exit status, its files and the end of its answers lost. For the end of main() alone: not undone, and
/// inherited by children. SIGKILL still ends what hangs.
void hold_ending_signals() noexcept;

} // namespace landfall::base
