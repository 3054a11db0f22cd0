#include "base/file.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace landfall::base {

namespace {

failure system_failure(std::string_view verb, const std::filesystem::path& path) {
  return fail(outcome::local_error, fmt::format("cannot {} {}: {}", verb, path.string(), std::strerror(errno)));
}

struct descriptor {
  int fd;
  explicit descriptor(int value) : fd(value) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// By a temporary file beside it, so that nobody ever reads half of it.
result<void> replace(const std::filesystem::path& path, std::string_view content, bool synced) {
  std::string temporary = (folder_of(path) / fmt::format(".{}.XXXXXX", path.filename().string())).string();
  descriptor file(::mkostemp(temporary.data(), O_CLOEXEC)); // mode 0600
  if (file.fd < 0) return system_failure("create a file beside", path);
  const bool written = write_all(file.fd, content) && (!synced || ::fsync(file.fd) == 0);
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    auto failed = system_failure("write", path);
    ::unlink(temporary.c_str());
    return failed;
  }
  return {};
}

} // namespace

result<std::string> read_file(const std::filesystem::path& path, std::size_t max) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd < 0) return system_failure("open", path);
  struct stat info{};
  if (::fstat(file.fd, &info) != 0) return system_failure("stat", path);
  if (!S_ISREG(info.st_mode)) return fail(outcome::local_error, fmt::format("{} is not a regular file", path.string()));
  if (static_cast<std::uintmax_t>(info.st_size) > max)
    return fail(outcome::too_large, fmt::format("{} is larger than {} bytes", path.string(), max));
  // One byte more than allowed: a file that grows while it is read is noticed.
  std::string out(static_cast<std::size_t>(info.st_size) + 1, '\0');
  std::size_t have = 0;
  while (have < out.size()) {
    const auto n = ::read(file.fd, out.data() + have, out.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("read", path);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
    if (have == out.size()) {
      if (have > max) return fail(outcome::too_large, fmt::format("{} is larger than {} bytes", path.string(), max));
      out.resize(std::min(out.size() * 2, max + 1));
    }
  }
  out.resize(have);
  return out;
}

result<void> write_file(const std::filesystem::path& path, std::string_view content) {
  if (auto replaced = replace(path, content, true); !replaced) return replaced;
  const descriptor parent(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.fd < 0 || ::fsync(parent.fd) != 0) return system_failure("sync the folder of", path);
  return {};
}

result<void> write_scratch(const std::filesystem::path& path, std::string_view content) {
  return replace(path, content, false);
}

void set_aside(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  std::filesystem::rename(path, path.string() + ".damaged", ignored);
}

result<void> private_folder(const std::filesystem::path& path) {
  std::error_code ec;
  // Parents get the user's umask; only the last one is ours to close.
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ec);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return system_failure("create", path);
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return system_failure("stat", path);
  if (!S_ISDIR(info.st_mode)) return fail(outcome::local_error, fmt::format("{} is not a folder", path.string()));
  if (info.st_uid != ::geteuid())
    return fail(outcome::local_error, fmt::format("{} belongs to another user (uid {})", path.string(), info.st_uid));
  if ((info.st_mode & 022) != 0)
    return fail(outcome::local_error, fmt::format("others can write in {} (mode {:o}); run: chmod 700 {}",
                                                  path.string(), info.st_mode & 0777, path.string()));
  return {};
}

result<folder_lock> folder_lock::take(const std::filesystem::path& folder) {
  const auto path = folder / "lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return system_failure("open", path);
  folder_lock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(outcome::local_error,
                  fmt::format("another landfall uses {}: stop it, or set LANDFALL_STATE", folder.string()));
    return system_failure("lock", path);
  }
  return lock;
}

folder_lock::folder_lock(folder_lock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
folder_lock& folder_lock::operator=(folder_lock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
folder_lock::~folder_lock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

} // namespace landfall::base
