// A folder for what must not outlive us.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace landfall::sidecar {

/// A folder of our own (0700) under TMPDIR or /tmp, removed with all that is in it when this goes.
class scratch_folder {
public:
  /// Its name begins with `purpose`. Errors: local_error.
  [[nodiscard]] static base::result<scratch_folder> make(std::string_view purpose);
  scratch_folder(scratch_folder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  scratch_folder& operator=(scratch_folder&&) = delete;
  ~scratch_folder();
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  explicit scratch_folder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

} // namespace landfall::sidecar
