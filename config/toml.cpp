#include "config/toml.hpp"

#include "base/log.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::config::defect {

/// toml++ found itself in a state that it thought impossible.
struct found {};
[[noreturn]] static void raise() { throw found{}; }

} // namespace landfall::config::defect

// toml++ asserts what some texts break (a header "[[#" or "[[[a]]]" in 3.3), and where NDEBUG is set it lets the
// compiler assume it: input would be undefined behaviour. So its assertions stay in every build, and throw to
// parse_toml, which says that the text is not TOML.
#undef NDEBUG
#define TOML_ASSERT(expression) ((expression) ? void() : landfall::config::defect::raise())
// Nothing of ours nests deeper than an array in a table in an array.
#define TOML_MAX_NESTED_VALUES 16
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#include <toml++/toml.h>

namespace landfall::config {

namespace {

// toml++ 3.3 makes a table for each part of a dotted key and destroys them by recursion, so a file of dots would
// overflow the stack. With TOML_MAX_NESTED_VALUES this bounds the depth to about four thousand.
constexpr std::ptrdiff_t max_dots_in_line = 256;

int line_of(const toml::source_region& source) { return static_cast<int>(source.begin.line); }

// toml++ 3.3 reaches __builtin_unreachable() for these where it looks for white space: U+FB00 to U+FEFF, which are old
// presentation forms and the byte order mark, in UTF-8 EF AC 80 to EF BB BF. A mark at the very start is fine.
bool has_presentation_form(std::string_view line) {
  for (std::size_t at = line.find('\xef'); at < line.size() - 1; at = line.find('\xef', at + 1))
    if (const char second = line[at + 1]; second >= '\xac' && second <= '\xbb') return true;
  return false;
}

/// Complains of the first line that toml++ must not see.
bool is_fit(std::string_view text, std::vector<complaint>& complaints) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (int number = 1; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n'));
    if (std::count(line.begin(), line.end(), '.') > max_dots_in_line)
      complaints.push_back({number, {}, fmt::format("more than {} dots in one line", max_dots_in_line)});
    else if (!line.empty() && has_presentation_form(line))
      complaints.push_back({number, {}, "a character from U+FB00 to U+FEFF; write it in its plain form"});
    if (!complaints.empty()) return false;
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return true;
}

field field_of(const toml::node& node) {
  field out;
  out.line = line_of(node.source());
  if (const auto* flag = node.as_boolean()) {
    out.value = flag->get();
  } else if (const auto* number = node.as_integer()) {
    out.value = number->get();
  } else if (const auto* text = node.as_string()) {
    out.value = text->get();
  } else if (const auto* array = node.as_array()) {
    if (array->empty() || array->is_homogeneous<std::string>()) {
      std::vector<std::string> texts;
      for (const auto& element : *array) texts.push_back(element.as_string()->get());
      out.value = std::move(texts);
    } else if (array->is_homogeneous<std::int64_t>()) {
      std::vector<std::int64_t> numbers;
      for (const auto& element : *array) numbers.push_back(element.as_integer()->get());
      out.value = std::move(numbers);
    }
  }
  return out;
}

table table_of(const toml::table& from, std::string key) {
  table out;
  out.key = std::move(key);
  out.line = line_of(from.source());
  for (const auto& [name, node] : from) out.fields.emplace(std::string(name.str()), field_of(node));
  return out;
}

} // namespace

std::map<std::string, toml_section> parse_toml(std::string_view text, std::vector<complaint>& complaints) try {
  std::map<std::string, toml_section> out;
  if (!is_fit(text, complaints)) return out;
  const auto parsed = toml::parse(text);
  if (!parsed) {
    const auto& error = parsed.error();
    complaints.push_back({line_of(error.source()), {}, "not TOML: " + base::printable(error.description())});
    return out;
  }
  for (const auto& [key, node] : parsed.table()) {
    const std::string name(key.str());
    toml_section section;
    section.line = line_of(node.source());
    if (const auto* single = node.as_table()) {
      section.tables.push_back(table_of(*single, name));
    } else if (const auto* array = node.as_array(); array && array->is_array_of_tables()) {
      section.repeated = true;
      for (std::size_t i = 0; i < array->size(); ++i)
        section.tables.push_back(table_of(*(*array)[i].as_table(), fmt::format("{}[{}]", name, i + 1)));
    } else {
      complaints.push_back(
          {section.line, base::printable(name, 64), "a value outside of any section; write it below its [section]"});
      continue;
    }
    out.emplace(name, std::move(section));
  }
  return out;
} catch (const defect::found&) {
  complaints.push_back({0, {}, "not TOML: a header in brackets is malformed"});
  return {};
}

} // namespace landfall::config
