#include "base/json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <vector>

namespace landfall::base {

namespace {

namespace json = boost::json;
using error_code = boost::system::error_code;

/// Builds the value on a value_stack (as Boost.JSON's own parser does) and refuses what parse_json's contract refuses.
class strict_handler {
public:
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  explicit strict_handler(json::storage_ptr storage) { stack_.reset(std::move(storage)); }
  /// Names without escapes are views into this text, which outlives the parse.
  void reads(std::string_view text) { text_ = text; }
  json::value release() { return stack_.release(); }
  [[nodiscard]] std::string_view complaint() const { return complaint_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t n, error_code&) {
    stack_.push_array(n);
    return true;
  }
  bool on_object_begin(error_code&) {
    starts_.push_back(names_.size());
    return true;
  }
  bool on_object_end(std::size_t n, error_code& ec) {
    const auto first = names_.begin() + static_cast<std::ptrdiff_t>(starts_.back());
    if (stands_twice(first, names_.end())) return refuse("a name stands twice in one object", ec);
    names_.erase(first, names_.end());
    starts_.pop_back();
    stack_.push_object(n);
    return true;
  }
  bool on_string_part(json::string_view s, std::size_t, error_code&) {
    stack_.push_chars(s);
    return true;
  }
  bool on_string(json::string_view s, std::size_t, error_code&) {
    stack_.push_string(s);
    return true;
  }
  bool on_key_part(json::string_view s, std::size_t, error_code&) {
    partial_key_.append(s.data(), s.size());
    stack_.push_chars(s);
    return true;
  }
  bool on_key(json::string_view s, std::size_t, error_code&) {
    const bool in_text = s.data() >= text_.data() && s.data() + s.size() <= text_.data() + text_.size();
    if (partial_key_.empty() && in_text) {
      names_.emplace_back(s.data(), s.size());
    } else {
      partial_key_.append(s.data(), s.size());
      names_.push_back(owned_.emplace_back(std::move(partial_key_)));
      partial_key_.clear();
    }
    stack_.push_key(s);
    return true;
  }
  bool on_number_part(json::string_view s, error_code&) {
    number_start_ = number_start_ ? number_start_ : s.data()[0];
    return true;
  }
  bool on_int64(std::int64_t i, json::string_view s, error_code& ec) {
    const char first = number_start_ ? number_start_ : s.empty() ? '0' : s[0];
    number_start_ = 0;
    if (i == 0 && first == '-') return refuse("-0 is not an integer", ec);
    if (i > max_json_integer || i < -max_json_integer) return refuse("a number beyond 2^53-1", ec);
    stack_.push_int64(i);
    return true;
  }
  bool on_uint64(std::uint64_t, json::string_view, error_code& ec) { return refuse("a number beyond 2^53-1", ec); }
  bool on_double(double, json::string_view, error_code& ec) { return refuse("a number with fraction or exponent", ec); }
  bool on_bool(bool b, error_code&) {
    stack_.push_bool(b);
    return true;
  }
  bool on_null(error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

private:
  using name_iterator = std::vector<std::string_view>::iterator;
  static bool stands_twice(name_iterator first, name_iterator last) {
    constexpr std::ptrdiff_t few = 16; // below this, comparing each with each beats sorting
    if (last - first > few) {
      std::sort(first, last);
      return std::adjacent_find(first, last) != last;
    }
    for (auto i = first; i != last; ++i)
      if (std::find(std::next(i), last, *i) != last) return true;
    return false;
  }
  bool refuse(std::string_view why, error_code& ec) {
    complaint_ = why;
    ec = json::error::syntax;
    return false;
  }
  json::value_stack stack_;
  std::string_view text_;
  std::vector<std::string_view> names_; ///< of all objects that are open, the innermost last
  std::vector<std::size_t> starts_;     ///< where each open object's names begin
  std::deque<std::string> owned_;       ///< names that had escapes
  std::string partial_key_;
  std::string_view complaint_;
  char number_start_ = 0;
};

} // namespace

result<json::value> parse_json(std::string_view text, std::size_t max_depth, json::storage_ptr storage) {
  json::parse_options options;
  options.max_depth = max_depth;
  json::basic_parser<strict_handler> parser(options, std::move(storage));
  parser.handler().reads(text);
  error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && used < text.size()) ec = json::error::extra_data;
  if (!ec) return parser.handler().release();
  const auto complaint = parser.handler().complaint();
  return fail(outcome::malformed,
              fmt::format("JSON, byte {}: {}", used, complaint.empty() ? ec.message() : std::string(complaint)));
}

} // namespace landfall::base
