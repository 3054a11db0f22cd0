// Preloaded into a program: it gets SIGTERM once more when main() has returned. For tests of an end in good order.
#include <csignal>

namespace {
[[gnu::destructor]] void at_exit() { std::raise(SIGTERM); }
} // namespace
