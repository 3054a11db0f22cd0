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

std::int64_t reader::integer(const json::object& from, std::string_view name, std::int64_t low, std::int64_t high) {
  const auto* const value = find(from, name);
  if (value == nullptr) return low;
  const auto* const number = value->if_int64();
  if (number != nullptr && *number >= low && *number <= high) return *number;
  complain(fmt::format("member '{}' is not a whole number from {} to {}", name, low, high));
  return low;
}

std::int64_t reader::integer_or(const json::object& from, std::string_view name, std::int64_t low, std::int64_t high,
                                std::int64_t fallback) {
  return from.contains(name) ? integer(from, name, low, high) : fallback;
}

std::string reader::text(const json::object& from, std::string_view name, std::size_t max) {
  const auto* const value = find(from, name);
  if (value == nullptr) return {};
  const auto* const found = value->if_string();
  if (found == nullptr) {
    complain(fmt::format("member '{}' is not a text", name));
    return {};
  }
  if (found->size() > max) {
    complain(fmt::format("member '{}' has more than {} bytes", name, max), outcome::too_large);
    return {};
  }
  return {found->data(), found->size()};
}

std::string reader::text_or_empty(const json::object& from, std::string_view name) {
  return from.contains(name) ? text(from, name) : std::string();
}

std::string reader::text(const json::value& value, std::size_t max) {
  const auto* const found = value.if_string();
  if (found == nullptr) {
    complain("not a text");
    return {};
  }
  if (found->size() > max) {
    complain(fmt::format("a text of more than {} bytes", max), outcome::too_large);
    return {};
  }
  return {found->data(), found->size()};
}

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
