#include "config/table.hpp"

#include "base/log.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace landfall::config {

namespace {

namespace json = boost::json;

field array_of(const json::array& values) {
  field out;
  const auto all = [&](auto is) { return std::all_of(values.begin(), values.end(), is); };
  if (all([](const json::value& v) { return v.is_string(); })) {
    std::vector<std::string> texts;
    for (const auto& v : values) texts.emplace_back(std::string_view(v.get_string()));
    out.value = std::move(texts);
  } else if (all([](const json::value& v) { return v.is_int64(); })) {
    std::vector<std::int64_t> numbers;
    for (const auto& v : values) numbers.push_back(v.get_int64());
    out.value = std::move(numbers);
  }
  return out;
}

field field_of(const json::value& value) {
  field out;
  if (value.is_bool())
    out.value = value.get_bool();
  else if (value.is_int64())
    out.value = value.get_int64();
  else if (value.is_string())
    out.value = std::string(std::string_view(value.get_string()));
  else if (value.is_array())
    out = array_of(value.get_array());
  return out;
}

} // namespace

std::optional<table> table_of(const json::value& value, std::string key) {
  if (!value.is_object()) return std::nullopt;
  table out;
  out.key = std::move(key);
  for (const auto& [name, member] : value.get_object()) out.fields.emplace(name, field_of(member));
  return out;
}

const field* reader::find(std::string_view key) const {
  const auto at = from_.fields.find(key);
  return at == from_.fields.end() ? nullptr : &at->second;
}

void reader::complain(std::string_view key, std::string message) {
  const field* at = find(key);
  std::string whole = from_.key;
  if (!whole.empty() && !key.empty()) whole += '.';
  whole += base::printable(key, 64);
  complaints_.push_back({at ? at->line : from_.line, std::move(whole), std::move(message)});
}

void reader::only(std::span<const std::string_view> keys, std::string_view hint) {
  for (const auto& [key, value] : from_.fields)
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      complain(key, fmt::format("unknown key{}; the keys here are {}", hint, fmt::join(keys, ", ")));
}

std::optional<bool> reader::flag(std::string_view key) {
  const field* at = find(key);
  if (!at) return std::nullopt;
  if (const bool* value = std::get_if<bool>(&at->value)) return *value;
  complain(key, "write true or false");
  return std::nullopt;
}

std::optional<std::int64_t> reader::number(std::string_view key, std::int64_t min, std::int64_t max) {
  const field* at = find(key);
  if (!at) return std::nullopt;
  const auto* value = std::get_if<std::int64_t>(&at->value);
  if (value && *value >= min && *value <= max) return *value;
  complain(key, fmt::format("write a whole number from {} to {}", min, max));
  return std::nullopt;
}

bool reader::good_text(std::string_view key, const std::string& value) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (value.size() > max_text)
    complain(key, fmt::format("{} bytes long; at most {}", value.size(), max_text));
  else if (std::any_of(value.begin(), value.end(), control))
    complain(key, "holds a control character; remove it");
  else
    return true;
  return false;
}

std::optional<std::string> reader::text(std::string_view key) {
  const field* at = find(key);
  if (!at) return std::nullopt;
  const auto* value = std::get_if<std::string>(&at->value);
  if (!value) {
    complain(key, "write a text in quotes");
    return std::nullopt;
  }
  if (!good_text(key, *value)) return std::nullopt;
  return *value;
}

std::optional<std::vector<std::string>> reader::texts(std::string_view key, std::size_t max_count) {
  const field* at = find(key);
  if (!at) return std::nullopt;
  const auto* values = std::get_if<std::vector<std::string>>(&at->value);
  if (!values) {
    complain(key, "write a list of texts: [\"…\", \"…\"]");
    return std::nullopt;
  }
  if (values->size() > max_count) {
    complain(key, fmt::format("{} entries; at most {}", values->size(), max_count));
    return std::nullopt;
  }
  for (const auto& value : *values)
    if (!good_text(key, value)) return std::nullopt;
  return *values;
}

std::optional<std::vector<std::int64_t>> reader::numbers(std::string_view key, std::int64_t min, std::int64_t max,
                                                         std::size_t max_count) {
  const field* at = find(key);
  if (!at) return std::nullopt;
  if (const auto* none = std::get_if<std::vector<std::string>>(&at->value); none && none->empty())
    return std::vector<std::int64_t>{};
  const auto* values = std::get_if<std::vector<std::int64_t>>(&at->value);
  const auto good = [&](std::int64_t v) { return v >= min && v <= max; };
  if (values && values->size() <= max_count && std::all_of(values->begin(), values->end(), good)) return *values;
  complain(key, fmt::format("write a list of at most {} whole numbers from {} to {}", max_count, min, max));
  return std::nullopt;
}

} // namespace landfall::config
