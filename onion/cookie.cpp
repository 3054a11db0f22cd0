#include "onion/cookie.hpp"

#include "onion/control.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace landfall::onion {

namespace {

base::failure no_cookie(std::string_view why) {
  return base::fail(base::outcome::local_error, fmt::format("tor's cookie file {}", why), base::stage::handshake);
}

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

/// tor writes it as its own user, into a folder of that user's.
bool is_trusted_owner(uid_t owner, const std::filesystem::path& folder) {
  if (owner == 0 || owner == ::geteuid()) return true;
  struct stat above{};
  return ::stat(folder.c_str(), &above) == 0 && above.st_uid == owner;
}

} // namespace

result<base::secret> cookie_of(const cookie_facts& facts, base::secret content) {
  if (!facts.regular) return no_cookie("is no regular file");
  if (!facts.trusted) return no_cookie("belongs to another user");
  if (facts.size != wire::control_cookie_size) return no_cookie("does not have 32 bytes");
  if (content.reveal().size() != wire::control_cookie_size) return no_cookie("cannot be read");
  return content;
}

result<base::secret> read_cookie(const std::filesystem::path& file) {
  if (!file.is_absolute()) return no_cookie("is not named by an absolute path");
  // Never a device that blocks or has effects when it is opened, never a link to something else of ours.
  const descriptor open(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (open.get() < 0)
    return no_cookie(errno == ELOOP ? "is a link" : fmt::format("cannot be read: {}", std::strerror(errno)));
  struct stat what{};
  if (::fstat(open.get(), &what) != 0) return no_cookie("cannot be read");
  const cookie_facts facts{S_ISREG(what.st_mode), is_trusted_owner(what.st_uid, file.parent_path()),
                           static_cast<std::uint64_t>(what.st_size)};
  std::string content(wire::control_cookie_size, '\0');
  if (facts.regular && facts.trusted) {
    const auto size = ::read(open.get(), content.data(), content.size());
    content.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  return cookie_of(facts, base::secret(std::move(content)));
}

} // namespace landfall::onion
