// Files that survive: bounded reads, and writes of which a crash leaves either the old content or the new, never a mix.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace landfall::base {

/// The whole file, at most `max` bytes (else too_large). Only regular files; never blocks on a FIFO or device.
/// Errors: local_error with the path and errno's text.
[[nodiscard]] result<std::string> read_file(const std::filesystem::path& path, std::size_t max);

/// Temporary file in the same folder (0600), fsync, rename, fsync of the folder. Errors: local_error; the old file
/// stays.
[[nodiscard]] result<void> write_file(const std::filesystem::path& path, std::string_view content);
/// The same without the waits for the disk, for what is written anew at every start: after a power failure it may be
/// empty.
[[nodiscard]] result<void> write_scratch(const std::filesystem::path& path, std::string_view content);

/// Renames `path` to "PATH.damaged" (replacing an older one), so that what could not be read neither blocks the start
/// nor is lost.
void set_aside(const std::filesystem::path& path) noexcept;

/// Creates the folder and its parents with mode 0700. Fails when it is not ours or others may write in it
/// (local_error).
[[nodiscard]] result<void> private_folder(const std::filesystem::path& path);

/// An exclusive flock on FOLDER/lock, held while it lives; released by the kernel when we die.
class folder_lock {
public:
  /// Fails at once (local_error) when another process holds it.
  [[nodiscard]] static result<folder_lock> take(const std::filesystem::path& folder);
  folder_lock(folder_lock&& other) noexcept;
  folder_lock& operator=(folder_lock&& other) noexcept;
  ~folder_lock();

private:
  explicit folder_lock(int descriptor) noexcept : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

} // namespace landfall::base
