// Where the demo finds what it needs, and where it keeps what it makes.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <string>

namespace landfall::sidecar {

/// landfall-server beside this program, else the bare name, which is looked for on PATH.
[[nodiscard]] std::string find_server_program();

/// discovery.py: of the installation that this program belongs to (../share/landfall/python), else of the source tree
/// it was built from. Errors: local_error.
[[nodiscard]] base::result<std::filesystem::path> find_discovery();

/// A folder of our own (0700) under TMPDIR or /tmp, removed with all that is in it when this goes.
class scratch_folder {
public:
  [[nodiscard]] static base::result<scratch_folder> make(); ///< Errors: local_error
  scratch_folder(scratch_folder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  scratch_folder& operator=(scratch_folder&&) = delete;
  ~scratch_folder();
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  explicit scratch_folder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

} // namespace landfall::sidecar
