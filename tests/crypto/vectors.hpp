// Vector files: "name: value" lines, '#' for comments.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <string>

namespace landfall::tests {

inline std::map<std::string, std::string> read_vector(const std::string& name) {
  std::ifstream in(std::string(LANDFALL_VECTORS "/crypto/") + name);
  REQUIRE(in);
  std::map<std::string, std::string> out;
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(": ");
    if (!line.starts_with('#') && colon != std::string::npos) out[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return out;
}

/// crypto/ has no codecs of its own and its tests link nothing else: hex and standard base64, for sound input only.
inline std::string unhex(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return out;
}

inline std::string unbase64(const std::string& text) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned buffer = 0, bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    buffer = buffer << 6U | static_cast<unsigned>(alphabet.find(c));
    bits += 6;
    if (bits >= 8) out += static_cast<char>(buffer >> (bits -= 8) & 0xffU);
  }
  return out;
}

} // namespace landfall::tests
