#include "base/secret_file.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace landfall::base {

namespace {

failure not_so(std::string why) { return fail(outcome::local_error, std::move(why)); }

class descriptor {
public:
  explicit descriptor(int value) noexcept : value_(value) {}
  ~descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return value_; }

private:
  int value_;
};

bool is_ours(uid_t owner) { return owner == 0 || owner == ::geteuid(); }

bool owns_folder(uid_t owner, const std::filesystem::path& folder) {
  struct stat above{};
  return ::stat(folder.c_str(), &above) == 0 && above.st_uid == owner;
}

/// `trusted` judges what was opened, not what the path leads to by then.
template <class Trusted>
result<secret> read_secret(const std::filesystem::path& file, std::size_t size, const Trusted& trusted) {
  const descriptor open(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (open.get() < 0)
    return not_so(errno == ELOOP ? "is a link" : fmt::format("cannot be read: {}", std::strerror(errno)));
  struct stat what{};
  if (::fstat(open.get(), &what) != 0 || !S_ISREG(what.st_mode)) return not_so("is no regular file");
  if (const char* why = trusted(what)) return not_so(why);
  if (what.st_size != static_cast<off_t>(size)) return not_so(fmt::format("does not have {} bytes", size));
  std::string content(size, '\0');
  const auto got = ::read(open.get(), content.data(), content.size());
  secret out(std::move(content));
  if (got != static_cast<ssize_t>(size)) return not_so("cannot be read");
  return out;
}

} // namespace

result<secret> read_foreign_secret(const std::filesystem::path& file, std::size_t size) {
  if (!file.is_absolute()) return not_so("is not named by an absolute path");
  return read_secret(file, size, [&file](const struct stat& what) -> const char* {
    const bool trusted = is_ours(what.st_uid) || owns_folder(what.st_uid, file.parent_path());
    return trusted ? nullptr : "belongs to another user";
  });
}

result<secret> read_own_secret(const std::filesystem::path& file, std::size_t size) {
  return read_secret(file, size, [](const struct stat& what) -> const char* {
    if (!is_ours(what.st_uid)) return "belongs to another user";
    if ((what.st_mode & (S_IRWXG | S_IRWXO)) != 0)
      return "can be read or written by others: chmod 600 it, or make another if they may have";
    return nullptr;
  });
}

} // namespace landfall::base
