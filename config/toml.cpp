#include "config/toml.hpp"

#include "base/log.hpp"

#include <fmt/format.h>

#include <optional>

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

int line_of(const toml::source_region& source) { return static_cast<int>(source.begin.line); }

constexpr int max_dots_in_line = 256;

/// Finds what toml++ 3.3 must not see outside of quotes and comments, where none of it has a place anyway:
/// - characters beyond ASCII: some (U+0299, U+FCFF) lead it into __builtin_unreachable() where it looks for white
/// space;
/// - keys of very many parts: it makes a table of each and destroys them by recursion, until the stack is full. With
///   TOML_MAX_NESTED_VALUES this limit keeps the depth at about four thousand.
class fitness_check {
public:
  explicit fitness_check(std::string_view text) : text_(text) {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3; // a byte order mark
  }

  std::optional<complaint> run() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        dots_ = 0;
        if (closing_.size() < 3) closing_ = {}; // a comment, or a text that was not closed
        in_comment_ = false;
      } else if (!closing_.empty()) {
        quoted(c);
      } else if (!in_comment_) {
        if (const auto wrong = plain(c); !wrong.empty()) return complaint{line_, {}, std::string(wrong)};
      }
    }
    return std::nullopt;
  }

private:
  std::string_view plain(char c) {
    if (static_cast<unsigned char>(c) > 0x7e) return "a character beyond ASCII outside of quotes and comments";
    if (c == '.' && ++dots_ > max_dots_in_line) return "hundreds of dots in one line, outside of quotes and comments";
    if (c == '#') in_comment_ = true;
    if (c != '"' && c != '\'') return {};
    closing_ = c == '"' ? R"(""")" : "'''";
    if (text_.substr(at_, 3) != closing_) closing_ = closing_.substr(0, 1);
    at_ += closing_.size() - 1;
    return {};
  }
  void quoted(char c) {
    if (c == '\\' && closing_.front() == '"' && text_.substr(at_ + 1, 1) != "\n") {
      ++at_;
    } else if (text_.substr(at_, closing_.size()) == closing_) {
      at_ += closing_.size() - 1;
      // """ may be preceded by one or two quotes that belong to the text.
      for (int extra = 0; extra < 2 && closing_.size() == 3 && text_.substr(at_ + 1, 1) == closing_.substr(0, 1);
           ++extra)
        ++at_;
      closing_ = {};
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1, dots_ = 0;
  bool in_comment_ = false;
  std::string_view closing_; ///< what ends the text we are in: one quote or three; empty outside
};

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
  if (auto unfit = fitness_check(text).run()) {
    complaints.push_back(std::move(*unfit));
    return out;
  }
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
