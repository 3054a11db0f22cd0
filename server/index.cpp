#include "server/index.hpp"

#include "base/file.hpp"
#include "crypto/hash.hpp"
#include "server/documents.hpp"
#include "trust/limits.hpp"

#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

namespace landfall::server {

namespace {
namespace fs = std::filesystem;
using base::fail;
using base::outcome;

bool hidden(const fs::path& path) {
  const auto name = path.filename().string();
  return name.starts_with('.') && name != ".well-known";
}

/// Every regular file below `folder`, by its relative name with '/', sorted. Links to files are followed, links to
/// folders are not, so there are no loops.
base::result<std::vector<std::string>> files_of(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code ec;
  fs::recursive_directory_iterator at(folder, ec);
  for (; !ec && at != fs::recursive_directory_iterator(); at.increment(ec)) {
    std::error_code unreadable;
    if (hidden(at->path())) {
      at.disable_recursion_pending();
    } else if (at->is_regular_file(unreadable)) {
      if (out.size() == max_files)
        return fail(outcome::local_error, fmt::format("{} holds more than {} files", folder.string(), max_files));
      out.push_back(at->path().lexically_relative(folder).generic_string());
    }
  }
  if (ec)
    return fail(outcome::local_error, fmt::format("cannot read the folder {}: {}", folder.string(), ec.message()));
  std::sort(out.begin(), out.end());
  return out;
}

/// A file name as a browser writes it in a path: everything but RFC 3986's unreserved characters and '/' escaped.
std::string as_path(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string_view type_of(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 18> types{{
      {".html", "text/html"},
      {".htm", "text/html"},
      {".css", "text/css"},
      {".js", "text/javascript"},
      {".json", "application/json"},
      {".txt", "text/plain"},
      {".xml", "text/xml"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".gif", "image/gif"},
      {".webp", "image/webp"},
      {".ico", "image/x-icon"},
      {".woff2", "font/woff2"},
      {".pdf", "application/pdf"},
      {".mp4", "video/mp4"},
      {".wasm", "application/wasm"},
  }};
  for (const auto& [ending, type] : types)
    if (name.ends_with(ending)) return type;
  return "application/octet-stream";
}

using maker = std::function<base::result<entry>(const std::string& name, std::string bytes)>;

/// Reads every file of the folder, each at most `max_file` bytes and together at most `max_all`, and lets `make` judge
/// it.
base::result<reading> read_folder(const fs::path& folder, std::size_t max_file, std::size_t max_all,
                                  const maker& make) {
  auto names = files_of(folder);
  if (!names) return names.error();
  reading out;
  std::size_t total = 0;
  for (const auto& name : *names) {
    auto bytes = base::read_file(folder / name, max_file);
    auto made = bytes ? make(name, std::move(*bytes)) : base::result<entry>(bytes.error());
    if (!made) {
      out.bad.push_back({name, made.error().detail});
    } else if (total += made->bytes.size(); total > max_all) {
      return fail(outcome::local_error, fmt::format("{} holds more than {} bytes", folder.string(), max_all));
    } else {
      out.entries.emplace(name, std::make_shared<const entry>(std::move(*made)));
    }
  }
  return out;
}
} // namespace

base::result<reading> read_documents(const fs::path& folder) {
  auto out =
      read_folder(folder, trust::max_envelope, max_files * trust::max_envelope,
                  [](const std::string& name, std::string bytes) { return read_document(name, std::move(bytes)); });
  if (!out) return out;
  constexpr std::string_view bucket = "/live/0";
  catalogue aliases;
  for (const auto& [path, document] : out->entries)
    if (path.ends_with(bucket)) aliases.emplace(path.substr(0, path.size() - 2), document);
  out->entries.merge(aliases);
  return out;
}

base::result<reading> read_decoy(const fs::path& folder) {
  auto read = read_folder(folder, max_decoy_file, max_decoy, [](const std::string& name, std::string bytes) {
    // Half as long as a document's tag: the length of a tag must not tell what else this server is.
    const auto tag = fmt::format("\"{}\"", crypto::sha256(bytes).hex().substr(0, 32));
    return base::result<entry>(entry{.bytes = std::move(bytes), .type = type_of(name), .tag = tag});
  });
  if (!read) return read;
  reading out{.entries = {}, .bad = std::move(read->bad)};
  constexpr std::string_view index = "index.html";
  for (const auto& [name, page] : read->entries) {
    const auto path = "/" + as_path(name);
    out.entries.emplace(path, page);
    if (path.ends_with("/index.html")) out.entries.emplace(path.substr(0, path.size() - index.size()), page);
  }
  return out;
}

base::result<folder_stamp> stamp_of(const fs::path& folder) {
  auto names = files_of(folder);
  if (!names) return names.error();
  folder_stamp out;
  for (auto& name : *names) {
    struct stat info{};
    if (::stat((folder / name).c_str(), &info) != 0) continue; // went just now: the next stamp says the same
    // The time of change, not of modification: no tool can set it, and a rename moves it.
    out.push_back({std::move(name), static_cast<std::uint64_t>(info.st_ino), static_cast<std::uint64_t>(info.st_size),
                   info.st_ctim.tv_sec, info.st_ctim.tv_nsec});
  }
  return out;
}

} // namespace landfall::server
