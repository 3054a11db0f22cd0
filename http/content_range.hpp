// Content-Range of a 206 (RFC 9110 §14.4), and the Range that asks for it. Pure.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace landfall::http {

struct byte_range {
  std::uint64_t first = 0, last = 0; ///< both included
  friend bool operator==(const byte_range&, const byte_range&) = default;
};

struct content_range {
  byte_range bytes;
  std::uint64_t total = 0; ///< of the whole
  friend bool operator==(const content_range&, const content_range&) = default;
};

/// "bytes=6144-12287"
[[nodiscard]] std::string to_header(const byte_range& range);

/// "bytes 6144-12287/40960". Errors: malformed; also for an unknown total ("*"), since without one nobody knows when a
/// document is whole, and for a range that is not within it.
[[nodiscard]] base::result<content_range> parse_content_range(std::string_view text);

} // namespace landfall::http
