// Takes members out of parsed JSON, checking presence, type and range. Like base::cursor it remembers that something
// was wrong and goes on with empty values, so a parser reads a whole document and asks once, at the end.
//
// Of several complaints too_large wins over malformed (the order of names in design §5), else the first. Unknown
// members are never looked at. Does no I/O; the JSON must outlive it.
#pragma once

#include "base/result.hpp"
#include "trust/limits.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace landfall::trust {

class reader {
public:
  using object_type = boost::json::object;
  using array_type = boost::json::array;

  /// Prefixes later complaints: "peers[3]: ...". An empty label ends that.
  void at(std::string_view label, std::size_t index = 0) noexcept {
    label_ = label;
    index_ = index;
  }

  [[nodiscard]] const object_type& object(const boost::json::value& value);
  [[nodiscard]] const object_type& object(const object_type& from, std::string_view name);

  /// Required.
  [[nodiscard]] std::int64_t integer(const object_type& from, std::string_view name, std::int64_t low,
                                     std::int64_t high);
  [[nodiscard]] std::string text(const object_type& from, std::string_view name, std::size_t max = max_string);
  [[nodiscard]] const array_type& array(const object_type& from, std::string_view name, std::size_t max);

  /// `fallback` (or nothing) when the member is missing; its type is checked when it is there.
  [[nodiscard]] std::int64_t integer_or(const object_type& from, std::string_view name, std::int64_t low,
                                        std::int64_t high, std::int64_t fallback);
  [[nodiscard]] std::string text_or_empty(const object_type& from, std::string_view name);
  [[nodiscard]] const array_type& array_or_empty(const object_type& from, std::string_view name, std::size_t max);

  /// An element of an array. The view is the JSON's.
  [[nodiscard]] std::string_view text(const boost::json::value& value, std::size_t max = max_string);

  void complain(std::string_view what, base::outcome how = base::outcome::malformed);
  [[nodiscard]] const std::optional<base::failure>& complaint() const noexcept { return complaint_; }

private:
  [[nodiscard]] const boost::json::value* find(const object_type& from, std::string_view name);
  [[nodiscard]] std::int64_t ranged(const boost::json::value& value, std::string_view name, std::int64_t low,
                                    std::int64_t high);
  [[nodiscard]] std::string_view bounded_text(const boost::json::value& value, std::string_view name, std::size_t max);
  [[nodiscard]] const array_type& bounded(const boost::json::value& value, std::string_view name, std::size_t max);

  std::string_view label_;
  std::size_t index_ = 0;
  std::optional<base::failure> complaint_;
};

} // namespace landfall::trust
