// The whole of `landfall demo`: a small internet on loopback and a sidecar in it.
//
//   discovery.py ─▶ socket ─▶ sidecar ─┬─▶ way ─┐
//   (child)                            ├─▶ way ─┼─▶ landfall-servers (children)
//                                      └─▶ way ─┘
//
// Ways and servers are those of a demo_internet (demo_internet.hpp). Sidecar and censor run in this process. Everything
// lies in a temporary folder (0700) that is removed at the end; the children are ended by their pids, and by the kernel
// when we are killed. Needs no privilege and no network.
#pragma once

#include <cstdint>
#include <string>

namespace landfall::sidecar {

struct demo_options {
  bool once = false;      ///< end when discovery.py has its peers; otherwise stay up until SIGINT or SIGTERM
  bool json = false;      ///< one object on stdout instead of text
  std::string profile{};  ///< of demo_profiles(), or onion_profile; empty: the small internet
  std::uint64_t seed = 0; ///< of everything that the profile's censor draws
};

/// Runs it; the exit status (cli.hpp): 0 with peers by a route that got through, 1 without, 2 when something of this
/// machine is missing.
[[nodiscard]] int run_demo(demo_options how);

} // namespace landfall::sidecar
