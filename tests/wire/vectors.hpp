// Rows of tests/vectors/socks5: cells between " | ", bytes as hex, 'text', HH*N, or - for none.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::vectors {

/// The cells of `text` between `separator`s.
inline std::vector<std::string> cells(std::string_view text, std::string_view separator) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at != text.npos;) {
    const auto end = text.find(separator, at);
    out.emplace_back(text.substr(at, end == text.npos ? end : end - at));
    at = end == text.npos ? end : end + separator.size();
  }
  return out;
}

/// Words, of which one in quotes may hold spaces.
inline std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '\'') quoted = !quoted;
    if (c == ' ' && !quoted) {
      if (!out.back().empty()) out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

/// One word's bytes.
inline std::string bytes_of_word(const std::string& word) {
  if (word == "-") return {};
  if (word.starts_with("'")) return word.substr(1, word.size() - 2);
  const auto star = word.find('*');
  const auto hex = word.substr(0, star);
  REQUIRE_MESSAGE(hex.size() == 2, word);
  const auto times = star == word.npos ? std::size_t{1} : std::stoul(word.substr(star + 1));
  return std::string(times, static_cast<char>(std::stoul(hex, nullptr, 16)));
}

inline std::string bytes(std::string_view text) {
  std::string out;
  for (const auto& word : words(text)) out += bytes_of_word(word);
  return out;
}

/// Rows of a file with exactly `columns` cells; a file without any is an error.
inline std::vector<std::vector<std::string>> rows(std::string_view path, std::size_t columns) {
  std::ifstream file(std::filesystem::path(LANDFALL_VECTORS) / path);
  REQUIRE(file);
  std::vector<std::vector<std::string>> out;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with("#")) continue;
    out.push_back(cells(line, " | "));
    REQUIRE_MESSAGE(out.back().size() == columns, line);
  }
  REQUIRE_FALSE(out.empty());
  return out;
}

} // namespace landfall::vectors
