#include "sidecar/api_socket.hpp"

#include "tests/sidecar/folder.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

using namespace landfall;
using sidecar::api_socket;

namespace {

/// What is left when a listener dies without cleaning up.
void leave_stale_socket(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  ::close(fd);
}

bool says(const base::result<api_socket>& made, std::string_view what) {
  return !made && made.error().detail.find(what) != std::string::npos;
}

} // namespace

TEST_CASE("the API's socket is private and goes with its owner") {
  const fakes::folder home;
  const auto path = home / "api.sock";
  {
    const auto made = api_socket::listen(path);
    REQUIRE(made.has_value());
    struct stat info{};
    REQUIRE(::lstat(path.c_str(), &info) == 0);
    CHECK(S_ISSOCK(info.st_mode));
    CHECK((info.st_mode & 0777) == 0600);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a missing folder is made, closed to others") {
  const fakes::folder home;
  const auto made = api_socket::listen(home / "run" / "landfall" / "api.sock");
  REQUIRE(made.has_value());
  CHECK((std::filesystem::status(home / "run" / "landfall").permissions() & std::filesystem::perms::all) ==
        std::filesystem::perms::owner_all);
}

TEST_CASE("a stale socket is replaced, a live one is left alone") {
  const fakes::folder home;
  const auto path = home / "api.sock";
  leave_stale_socket(path);
  const auto first = api_socket::listen(path);
  REQUIRE(first.has_value());
  CHECK(says(api_socket::listen(path), "another landfall"));
  CHECK_MESSAGE(std::filesystem::exists(path), "the loser must not remove the winner's socket");
}

TEST_CASE("a live socket of a program that knows no lock is left alone") {
  const fakes::folder home;
  const auto path = home / "api.sock";
  leave_stale_socket(home / "elsewhere.sock");
  auto other = api_socket::listen(home / "other.sock");
  REQUIRE(other.has_value());
  std::filesystem::create_hard_link(home / "other.sock", path);
  CHECK(says(api_socket::listen(path), "another program"));
}

TEST_CASE("what is no socket is never removed") {
  const fakes::folder home;
  std::ofstream(home / "api.sock") << "precious";
  CHECK(says(api_socket::listen(home / "api.sock"), "no socket"));
  CHECK(std::filesystem::file_size(home / "api.sock") == 8);
  std::filesystem::create_symlink(home / "nowhere", home / "link.sock");
  CHECK(says(api_socket::listen(home / "link.sock"), "no socket"));
}

TEST_CASE("a path that no Unix socket can have is a clear error") {
  const fakes::folder home;
  CHECK(says(api_socket::listen(home / std::string(120, 'x')), "LANDFALL_API"));
}

TEST_CASE("a folder that others can write is refused") {
  const fakes::folder home;
  std::filesystem::create_directory(home / "open");
  REQUIRE(::chmod((home / "open").c_str(), 0777) == 0);
  CHECK(says(api_socket::listen(home / "open" / "api.sock"), "others can write"));
}

TEST_CASE("a socket that took our place is not removed at our end") {
  const fakes::folder home;
  const auto path = home / "api.sock";
  {
    const auto made = api_socket::listen(path);
    REQUIRE(made.has_value());
    std::filesystem::remove(path);
    leave_stale_socket(path);
  }
  CHECK(std::filesystem::exists(path));
}
