// A folder of its own for a test, gone with it.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace landfall::fakes {

class folder {
public:
  folder() {
    std::string name = (std::filesystem::temp_directory_path() / "landfall-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::filesystem::path& below) const { return path_ / below; }

private:
  std::filesystem::path path_;
};

} // namespace landfall::fakes
