#include "http/content_range.hpp"

#include "base/cursor.hpp"

#include <fmt/format.h>

namespace landfall::http {

namespace {

constexpr std::uint64_t largest = std::uint64_t{1} << 53; // far over any document, and additions cannot wrap around

} // namespace

std::string to_header(const byte_range& range) { return fmt::format("bytes={}-{}", range.first, range.last); }

base::result<content_range> parse_content_range(std::string_view text) {
  base::cursor in(text);
  content_range out;
  bool shaped = in.skip("bytes ");
  out.bytes.first = in.take_decimal(largest);
  shaped = in.skip("-") && shaped;
  out.bytes.last = in.take_decimal(largest);
  shaped = in.skip("/") && shaped;
  out.total = in.take_decimal(largest);
  shaped = shaped && in.at_end() && !in.failed();
  if (!shaped || out.bytes.first > out.bytes.last || out.bytes.last >= out.total)
    return base::fail(base::outcome::malformed, "a wrong Content-Range");
  return out;
}

} // namespace landfall::http
