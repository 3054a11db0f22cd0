#include "trust/reader.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

namespace landfall::trust {

namespace json = boost::json;
using base::outcome;

namespace {
const json::object no_object;
const json::array no_array;
} // namespace

void reader::complain(std::string_view what, outcome how) {
  if (complaint_ && !(complaint_->what == outcome::malformed && how == outcome::too_large)) return;
  auto detail = label_.empty() ? std::string(what) : fmt::format("{}[{}]: {}", label_, index_, what);
  complaint_ = base::fail(how, std::move(detail));
}

const json::value* reader::find(const json::object& from, std::string_view name) {
  const auto* const found = from.if_contains(name);
  // Where the object itself was missing, that was said already.
  if (found == nullptr && &from != &no_object) complain(fmt::format("member '{}' is missing", name));
  return found;
}

const json::object& reader::object(const json::value& value) {
  if (const auto* const found = value.if_object()) return *found;
  complain("not an object");
  return no_object;
}

const json::object& reader::object(const json::object& from, std::string_view name) {
  const auto* const value = find(from, name);
  if (value == nullptr) return no_object;
  if (const auto* const found = value->if_object()) return *found;
  complain(fmt::format("member '{}' is not an object", name));
  return no_object;
}

std::int64_t reader::ranged(const json::value& value, std::string_view name, std::int64_t low, std::int64_t high) {
  const auto* const number = value.if_int64();
  if (number != nullptr && *number >= low && *number <= high) return *number;
  complain(fmt::format("member '{}' is not a whole number from {} to {}", name, low, high));
  return low;
}

std::int64_t reader::integer(const json::object& from, std::string_view name, std::int64_t low, std::int64_t high) {
  const auto* const value = find(from, name);
  return value == nullptr ? low : ranged(*value, name, low, high);
}

std::int64_t reader::integer_or(const json::object& from, std::string_view name, std::int64_t low, std::int64_t high,
                                std::int64_t fallback) {
  const auto* const value = from.if_contains(name);
  return value == nullptr ? fallback : ranged(*value, name, low, high);
}

std::string_view reader::bounded_text(const json::value& value, std::string_view name, std::size_t max) {
  const auto* const found = value.if_string();
  if (found != nullptr && found->size() <= max) return {found->data(), found->size()};
  const auto what = name.empty() ? std::string("an element") : fmt::format("member '{}'", name);
  if (found == nullptr)
    complain(what + " is not a text");
  else
    complain(fmt::format("{} has more than {} bytes", what, max), outcome::too_large);
  return {};
}

std::string reader::text(const json::object& from, std::string_view name, std::size_t max) {
  const auto* const value = find(from, name);
  return std::string(value == nullptr ? std::string_view() : bounded_text(*value, name, max));
}

std::string reader::text_or_empty(const json::object& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return std::string(value == nullptr ? std::string_view() : bounded_text(*value, name, max_string));
}

std::string_view reader::text(const json::value& value, std::size_t max) { return bounded_text(value, {}, max); }

const json::array& reader::bounded(const json::value& value, std::string_view name, std::size_t max) {
  const auto* const found = value.if_array();
  if (found == nullptr) {
    complain(fmt::format("member '{}' is not an array", name));
    return no_array;
  }
  if (found->size() <= max) return *found;
  complain(fmt::format("member '{}' has more than {} elements", name, max), outcome::too_large);
  return no_array;
}

const json::array& reader::array(const json::object& from, std::string_view name, std::size_t max) {
  const auto* const value = find(from, name);
  return value == nullptr ? no_array : bounded(*value, name, max);
}

const json::array& reader::array_or_empty(const json::object& from, std::string_view name, std::size_t max) {
  const auto* const value = from.if_contains(name);
  return value == nullptr ? no_array : bounded(*value, name, max);
}

} // namespace landfall::trust
