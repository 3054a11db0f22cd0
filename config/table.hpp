// What TOML and JSON come down to, so that one schema and one parser serve landfall.toml and signed lists: a table of
// named fields that know their line, and a reader that collects everything wrong with it instead of the first thing.
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace landfall::config {

/// A value of one of the kinds that some key takes; monostate for all others (a date, a fraction, a mixed array).
struct field {
  std::variant<std::monostate, bool, std::int64_t, std::string, std::vector<std::string>, std::vector<std::int64_t>>
      value;
  int line = 0;
};

struct table {
  std::string key; ///< how messages call it: "route[2]"; empty for the whole file
  int line = 0;    ///< 0 in JSON
  std::map<std::string, field, std::less<>> fields;
};

/// The members of a JSON object; nullopt for anything else.
[[nodiscard]] std::optional<table> table_of(const boost::json::value& value, std::string key);

/// Something wrong with a field.
struct complaint {
  int line = 0;
  std::string key; ///< "route[2].url"
  std::string message;
};

inline constexpr std::size_t max_text = 2048; ///< no value of ours is longer; bridge lines come near 1 KiB

/// Takes typed values out of a table. nullopt: the key is not there, or was wrong and has been complained of.
class reader {
public:
  reader(const table& from, std::vector<complaint>& complaints) : from_(from), complaints_(complaints) {}

  /// Complains of every key that is not one of these; `hint` is appended.
  void only(std::span<const std::string_view> keys, std::string_view hint = {});
  [[nodiscard]] bool has(std::string_view key) const { return from_.fields.find(key) != from_.fields.end(); }
  [[nodiscard]] std::optional<bool> flag(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view key, std::int64_t min, std::int64_t max);
  /// No control characters, at most max_text bytes.
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view key, std::size_t max_count);
  [[nodiscard]] std::optional<std::vector<std::int64_t>> numbers(std::string_view key, std::int64_t min,
                                                                 std::int64_t max, std::size_t max_count);
  /// `key` may be empty: the table as a whole is meant.
  void complain(std::string_view key, std::string message);

private:
  [[nodiscard]] const field* find(std::string_view key) const;
  bool good_text(std::string_view key, const std::string& value);
  const table& from_;
  std::vector<complaint>& complaints_;
};

} // namespace landfall::config
