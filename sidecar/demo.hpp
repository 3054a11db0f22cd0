// The whole of `landfall demo`: a small internet on loopback and a sidecar in it.
//
//   discovery.py ─▶ socket ─▶ sidecar ─┬─▶ way with silence ─┐
//   (child)                            ├─▶ way with reset ───┼▶ landfall-server A (child)
//                                      └─▶ the long way ─────┴▶ landfall-server B (child)
//
// Sidecar and censor run in this process. Everything lies in a temporary folder (0700) that is removed at the end; the
// children are ended by their pids, and by the kernel when we are killed. Needs no privilege and no network.
#pragma once

namespace landfall::sidecar {

struct demo_options {
  bool once = false; ///< end when discovery.py has its peers; otherwise stay up until SIGINT or SIGTERM
  bool json = false; ///< one object on stdout instead of text
};

/// Runs it; the exit status (cli.hpp): 0 with peers, 1 without, 2 when something of this machine is missing.
[[nodiscard]] int run_demo(demo_options how);

} // namespace landfall::sidecar
