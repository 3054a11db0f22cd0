// sandbox: what a program that we start may still do. A transport talks to the network and to a hostile far end; should
// it be taken over, it finds no file of the user's, no other process, and no way deeper into the kernel.
//
//   Landlock   files: its own folder (all), programs, libraries and the public part of /etc (reading), nothing else.
//              No signal and no abstract socket to the outside, where the kernel knows those scopes (ABI 6). The
//              network stays: it is what transports are for.
//   seccomp    a list of calls that no transport needs (tracing, mounting, namespaces, keys, modules, BPF, io_uring
//   ...)
//              fails with EPERM. A list of what is allowed would break with every new Go or C library.
//   besides    no new privileges, no capabilities, limits on descriptors, memory and the size of files, no core dumps.
//
// Prepared before the fork (it allocates and opens), entered between fork and exec, where only system calls are
// allowed. What the kernel lacks is left out and told by `enforced`; what it has and refuses fails the start. Linux's
// way; the one file that knows.
#pragma once

#include "net/async.hpp"

#include <linux/filter.h>

#include <filesystem>
#include <string>
#include <vector>

namespace landfall::net {

struct sandbox_rules {
  std::filesystem::path folder; ///< its own: read, write, make, remove
  std::vector<std::filesystem::path>
      readable; ///< files and folders besides the usual ones; those not there are skipped
};

/// What of it this kernel has.
struct enforced {
  bool landlock = false, seccomp = false;
  friend bool operator==(const enforced&, const enforced&) = default;
};

class sandbox {
public:
  /// Opens descriptors (close-on-exec). Errors: local_error.
  [[nodiscard]] static result<sandbox> prepare(const sandbox_rules& rules);
  sandbox(sandbox&& other) noexcept;
  sandbox& operator=(sandbox&&) = delete;
  ~sandbox();

  [[nodiscard]] net::enforced enforced() const noexcept { return {ruleset_ >= 0, seccomp_}; }
  /// In the child, for good. System calls only. 0, or errno.
  [[nodiscard]] int enter() const noexcept;

private:
  sandbox() = default;
  int ruleset_ = -1;
  bool seccomp_ = false;
  std::vector<sock_filter> filter_;
};

} // namespace landfall::net
