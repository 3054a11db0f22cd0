// Strict JSON: Boost.JSON, with the rules of signed documents added (RFC 8259 is silent where attackers are not).
//
// Refused besides what is not JSON: duplicate names (Boost.JSON and Python keep the last silently, other readers the
// first), fractions, exponents and "-0" (numbers here are plain integers in -(2^53-1) .. 2^53-1), depth over the limit,
// bytes after the value, invalid UTF-8.
#pragma once

#include "base/result.hpp"

#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace landfall::base {

inline constexpr std::int64_t max_json_integer = (std::int64_t{1} << 53) - 1;

/// The value, allocated from `storage`. Errors: malformed, with the byte where it went wrong.
[[nodiscard]] result<boost::json::value> parse_json(std::string_view text, std::size_t max_depth,
                                                    boost::json::storage_ptr storage = {});

} // namespace landfall::base
