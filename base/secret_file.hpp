// Secrets in files: read only from where nobody else can have put or seen them.
//
// Never a device that blocks or has effects when it is opened, never a link to something else of ours, never a file of
// another size.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"

#include <cstddef>
#include <filesystem>

namespace landfall::base {

/// What another program wrote for us, such as tor's cookie, and where that program says that it is: an absolute path to
/// a file owned by us, root, or the owner of its folder. Errors: local_error, one clause that says what it is not ("is
/// a link"), without the path, which is not ours to repeat.
[[nodiscard]] result<secret> read_foreign_secret(const std::filesystem::path& file, std::size_t size);

/// A key of ours: owned by us or root, and nobody else may read or write it. Errors: local_error, as above.
[[nodiscard]] result<secret> read_own_secret(const std::filesystem::path& file, std::size_t size);

} // namespace landfall::base
