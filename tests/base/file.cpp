#include "base/file.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

using namespace landfall::base;
namespace fs = std::filesystem;

namespace {
struct folder {
  fs::path path;
  folder() {
    std::string name = (fs::temp_directory_path() / "landfall-test.XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~folder() { fs::remove_all(path); }
};
std::size_t files_in(const fs::path& path) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), {}));
}
} // namespace

TEST_CASE("a written file is private, whole, and leaves nothing beside it") {
  for (const auto write : {write_file, write_scratch}) {
    const folder here;
    const auto file = here.path / "state.json";
    REQUIRE(write(file, "first").has_value());
    REQUIRE(write(file, "second").has_value());
    CHECK(read_file(file, 100).value() == "second");
    CHECK((fs::status(file).permissions() & fs::perms::mask) == (fs::perms::owner_read | fs::perms::owner_write));
    CHECK(files_in(here.path) == 1);
  }
}

TEST_CASE("a write that fails keeps the old file and leaves no temporary one") {
  for (const auto write : {write_file, write_scratch}) {
    const folder here;
    fs::create_directories(here.path / "target" / "inside"); // a folder that is not empty cannot be replaced
    const auto failed = write(here.path / "target", "x");
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error().what == outcome::local_error);
    CHECK(files_in(here.path) == 1);
    CHECK_FALSE(write(here.path / "missing" / "file", "x").has_value());
  }
}

TEST_CASE("reading is bounded and never blocks") {
  const folder here;
  std::ofstream(here.path / "ten") << "0123456789";
  CHECK(read_file(here.path / "ten", 10).value() == "0123456789");
  CHECK(read_file(here.path / "ten", 9).error().what == outcome::too_large);
  CHECK(read_file(here.path / "none", 9).error().what == outcome::local_error);
  REQUIRE(::mkfifo((here.path / "fifo").c_str(), 0600) == 0);
  CHECK(read_file(here.path / "fifo", 9).error().what == outcome::local_error);
  CHECK(read_file("/dev/zero", 9).error().what == outcome::local_error);
  CHECK(read_file("/proc/self/status", 5).error().what == outcome::too_large); // says size 0 and is not
}

TEST_CASE("a private folder is ours alone") {
  const folder here;
  const auto path = here.path / "a" / "b";
  REQUIRE(private_folder(path).has_value());
  CHECK((fs::status(path).permissions() & fs::perms::mask) == fs::perms::owner_all);
  fs::permissions(path, fs::perms::all);
  CHECK_FALSE(private_folder(path).has_value());
  std::ofstream(here.path / "file") << "x";
  CHECK_FALSE(private_folder(here.path / "file").has_value());
}

TEST_CASE("one process at a time holds the lock of a folder") {
  const folder here;
  {
    const auto held = folder_lock::take(here.path);
    REQUIRE(held.has_value());
    CHECK_FALSE(folder_lock::take(here.path).has_value());
  }
  CHECK(folder_lock::take(here.path).has_value());
}

TEST_CASE("a damaged file is set aside, not lost") {
  const folder here;
  std::ofstream(here.path / "f") << "x";
  set_aside(here.path / "f");
  CHECK_FALSE(fs::exists(here.path / "f"));
  CHECK(fs::exists(here.path / "f.damaged"));
}
