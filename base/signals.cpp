#include "base/signals.hpp"

#include <csignal>
#include <initializer_list>

namespace landfall::base {

void hold_ending_signals() noexcept {
  sigset_t ending;
  ::sigemptyset(&ending);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&ending, signal);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
}

} // namespace landfall::base
