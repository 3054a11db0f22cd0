#include "net/sandbox.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace landfall::net {

namespace {

// --- Landlock (landlock(7)) -----------------------------------------------------------------------------------------
// The headers of Debian 12 know ABI 2; what came later is spelt here.
struct ruleset_attributes {
  std::uint64_t files = 0, network = 0, scoped = 0;
};
constexpr std::uint64_t truncate_file = 1ULL << 14, ioctl_device = 1ULL << 15;       // ABI 3, 5
constexpr std::uint64_t scope_abstract_socket = 1ULL << 0, scope_signal = 1ULL << 1; // ABI 6

constexpr std::uint64_t read_rights =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t file_rights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
                                      LANDLOCK_ACCESS_FS_WRITE_FILE | truncate_file | ioctl_device;

/// Programs and libraries, and of /etc what look-ups, certificates and the loader read: not /etc as a whole, where our
/// own configuration lies. Nor /proc/self: opened here it would be ours.
constexpr std::array readable_paths{"/usr",
                                    "/bin",
                                    "/sbin",
                                    "/lib",
                                    "/lib32",
                                    "/lib64",
                                    "/nix/store",
                                    "/etc/ld.so.cache",
                                    "/etc/ld.so.conf",
                                    "/etc/ld.so.conf.d",
                                    "/etc/ssl/certs",
                                    "/etc/ssl/openssl.cnf",
                                    "/etc/ca-certificates",
                                    "/etc/pki/tls",
                                    "/etc/resolv.conf",
                                    "/etc/hosts",
                                    "/etc/host.conf",
                                    "/etc/nsswitch.conf",
                                    "/etc/gai.conf",
                                    "/etc/services",
                                    "/etc/protocols",
                                    "/etc/mime.types",
                                    "/etc/localtime",
                                    "/etc/alternatives",
                                    "/proc/sys/net/core/somaxconn",
                                    "/proc/meminfo",
                                    "/proc/cpuinfo",
                                    "/proc/stat",
                                    "/sys/kernel/mm/transparent_hugepage",
                                    "/sys/devices/system/cpu",
                                    "/dev/random",
                                    "/dev/urandom"};

int landlock_abi() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

ruleset_attributes attributes_of(int abi) {
  ruleset_attributes out;
  out.files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; // ABI 1: everything up to it
  if (abi >= 2) out.files |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) out.files |= truncate_file;
  if (abi >= 5) out.files |= ioctl_device;
  if (abi >= 6) out.scoped = scope_abstract_socket | scope_signal;
  return out;
}

/// False only when the kernel refuses; a path that is not there is none to allow.
bool allow(int ruleset, const char* path, std::uint64_t rights) {
  const int at = ::open(path, O_PATH | O_CLOEXEC);
  if (at < 0) return true;
  struct stat info{};
  if (::fstat(at, &info) == 0 && !S_ISDIR(info.st_mode)) rights &= file_rights;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights;
  rule.parent_fd = at;
  const bool added = ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  ::close(at);
  return added;
}

/// The ruleset's descriptor; -1: this kernel has no Landlock.
result<int> make_ruleset(const sandbox_rules& rules) {
  const int abi = landlock_abi();
  if (abi == 0) return -1;
  const auto wanted = attributes_of(abi);
  // An older kernel takes the shorter structure that it knows.
  const std::size_t size = abi >= 6 ? sizeof wanted : sizeof wanted.files;
  const int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, size, 0));
  bool good = ruleset >= 0;
  for (const char* path : readable_paths) good = good && allow(ruleset, path, read_rights & wanted.files);
  for (const auto& path : rules.readable) good = good && allow(ruleset, path.c_str(), read_rights & wanted.files);
  good = good && allow(ruleset, "/dev/null", wanted.files & file_rights);
  good = good && allow(ruleset, rules.folder.c_str(), wanted.files);
  if (good) return ruleset;
  const int error = errno;
  if (ruleset >= 0) ::close(ruleset);
  return base::fail(base::outcome::local_error, fmt::format("Landlock: {}", std::strerror(error)));
}

// --- seccomp (seccomp(2)) -------------------------------------------------------------------------------------------
#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t architecture = 0; // no filter is built: told as not enforced
#endif

constexpr std::uint32_t x32_bit = 0x40000000; // the other numbering of x86-64 would walk past the list

constexpr std::array denied_calls{
    // other processes
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_process_madvise,
    // what the file system is
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig,
    SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_quotactl, SYS_swapon, SYS_swapoff, SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    // namespaces, keys, the kernel itself
    SYS_setns, SYS_unshare, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
    SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_init_module, SYS_finit_module, SYS_delete_module,
    SYS_kexec_load, SYS_reboot, SYS_syslog, SYS_acct, SYS_personality, SYS_lookup_dcookie, SYS_nfsservctl, SYS_vhangup,
#if defined(__x86_64__)
    SYS_kexec_file_load, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS__sysctl,
#endif
    // the machine's clock and name
    SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname, SYS_setdomainname};

constexpr std::uint32_t new_namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

sock_filter load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
sock_filter answer(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
/// Goes on behind the next instruction unless the comparison holds.
sock_filter unless(std::uint16_t comparison, std::uint32_t value) {
  return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | comparison | BPF_K), value, 0, 1);
}

std::vector<sock_filter> make_filter() {
  constexpr auto no = SECCOMP_RET_ERRNO | EPERM;
  std::vector<sock_filter> out{
      load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0),
      answer(SECCOMP_RET_KILL_PROCESS),
      load(offsetof(seccomp_data, nr)),
      unless(BPF_JGE, x32_bit),
      answer(no),
      // A structure's flags cannot be looked at: the C library takes clone instead.
      unless(BPF_JEQ, SYS_clone3),
      answer(SECCOMP_RET_ERRNO | ENOSYS),
  };
  for (const long call : denied_calls) {
    out.push_back(unless(BPF_JEQ, static_cast<std::uint32_t>(call)));
    out.push_back(answer(no));
  }
  // clone(flags, ...): threads and processes yes, namespaces no. The low half of the argument: little endian.
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3));
  out.push_back(load(offsetof(seccomp_data, args)));
  out.push_back(unless(BPF_JSET, new_namespaces));
  out.push_back(answer(no));
  out.push_back(answer(SECCOMP_RET_ALLOW));
  return out;
}

bool has_seccomp() {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  return architecture != 0 && ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

// --- the rest -------------------------------------------------------------------------------------------------------
struct limit {
  int what;
  rlim_t value;
};
constexpr std::array limits{limit{RLIMIT_NOFILE, 4096}, limit{RLIMIT_CORE, 0}, limit{RLIMIT_FSIZE, 64 << 20},
                            limit{RLIMIT_DATA, 1 << 30}};

int set_limits() noexcept {
  for (const auto& [what, value] : limits) {
    rlimit now{};
    if (::getrlimit(static_cast<__rlimit_resource>(what), &now) != 0) return errno;
    now.rlim_max = std::min(now.rlim_max, value);
    now.rlim_cur = std::min(now.rlim_cur, now.rlim_max);
    if (::setrlimit(static_cast<__rlimit_resource>(what), &now) != 0) return errno;
  }
  return 0;
}

/// Root's too: without a bounding set, exec as uid 0 brings none back.
void drop_capabilities() noexcept {
  for (unsigned long one = 0; one < 64; ++one)
    if (::prctl(PR_CAPBSET_DROP, one, 0, 0, 0) != 0) break; // the last one that the kernel knows, or we have none
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  (void)::syscall(SYS_capset, &header, none.data());
}

} // namespace

result<sandbox> sandbox::prepare(const sandbox_rules& rules) {
  sandbox out;
  auto ruleset = make_ruleset(rules);
  if (!ruleset) return std::move(ruleset).error();
  out.ruleset_ = *ruleset;
  out.seccomp_ = has_seccomp();
  if (out.seccomp_) out.filter_ = make_filter();
  return out;
}

sandbox::sandbox(sandbox&& other) noexcept
    : ruleset_(std::exchange(other.ruleset_, -1)), seccomp_(other.seccomp_), filter_(std::move(other.filter_)) {}

sandbox::~sandbox() {
  if (ruleset_ >= 0) ::close(ruleset_);
}

int sandbox::enter() const noexcept {
  if (const int error = set_limits(); error != 0) return error;
  drop_capabilities();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  if (ruleset_ >= 0 && ::syscall(SYS_landlock_restrict_self, ruleset_, 0) != 0) return errno;
  if (!seccomp_) return 0;
  sock_fprog program{};
  program.len = static_cast<unsigned short>(filter_.size());
  program.filter = const_cast<sock_filter*>(filter_.data());
  // Last: it would stand in the way of nothing above, but nothing above should be undone after it either.
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno;
}

} // namespace landfall::net
