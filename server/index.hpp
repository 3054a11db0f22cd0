// What can be served, read from two folders into memory: paths to bytes. Requests are looked up here and nowhere else,
// so no request ever becomes a file name, and no trick with "..", "%2e" or NUL has anything to work on.
//
// Reads files; everything else about it is pure. A catalogue never changes once it is made: what changes is which one
// the library (library.hpp) hands out.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::server {

/// One thing that can be served. Shared, so that a slow reader keeps its bytes and not a whole old catalogue.
struct entry {
  std::string bytes;
  std::string_view type;         ///< Content-Type; static storage
  std::string tag = {};          ///< ETag, with its quotes: for documents the 64 hex digits of SHA-256(payload)
  std::string_view caching = {}; ///< Cache-Control, or empty; static storage
};

/// By path: documents as "v1/NETWORK/CHANNEL/list", without the secret; the decoy as in a request, "/about.html".
using catalogue = std::map<std::string, std::shared_ptr<const entry>, std::less<>>;

/// A file that is not served, and why.
struct left_out {
  std::string name;
  std::string why;
};

struct reading {
  catalogue entries;
  std::vector<left_out> bad;
};

// Bounds: an operator's mistake (a link to the whole disk) must not become this process's memory.
inline constexpr std::size_t max_files = 4096;
inline constexpr std::size_t max_decoy_file = 16 * 1024 * 1024;
inline constexpr std::size_t max_decoy = 128 * 1024 * 1024;

/// Documents in the layout of `landfall publish dir` (design §5). A file that is no document of its name is left out:
/// an envelope that does not parse or carries no signature, another network, channel or version than its path says.
/// Signatures are not checked: the clients' anchor is not ours to know. `live/0` is served as `live` too. Names that
/// begin with a dot are skipped (files being written). Errors: local_error when the folder cannot be read.
[[nodiscard]] base::result<reading> read_documents(const std::filesystem::path& folder);

/// A static site. `index.html` is served for its folder's path too; `404.html` at the top is the page for what is
/// missing. Names that begin with a dot are skipped, but for `.well-known`. Errors: as above.
[[nodiscard]] base::result<reading> read_decoy(const std::filesystem::path& folder);

/// What tells whether a folder has changed since; equal means that it has not.
struct file_stamp {
  std::string name;
  std::uint64_t inode = 0, size = 0;
  std::int64_t changed_seconds = 0, changed_nanoseconds = 0;
  friend bool operator==(const file_stamp&, const file_stamp&) = default;
};
using folder_stamp = std::vector<file_stamp>;
[[nodiscard]] base::result<folder_stamp> stamp_of(const std::filesystem::path& folder);

} // namespace landfall::server
