#include "base/encoding.hpp"

#include <array>
#include <cstdint>

namespace landfall::base {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> inverse(std::string_view alphabet) {
  std::array<std::int8_t, 256> out{};
  out.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    out[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return out;
}

std::string encode(std::string_view bytes, std::string_view alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = buffer << 8 | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 6) out += alphabet[buffer >> (bits -= 6) & 63];
  }
  if (bits > 0) out += alphabet[buffer << (6 - bits) & 63];
  while (padded && out.size() % 4 != 0) out += '=';
  return out;
}

/// Unpadded text only. Four characters at a time: a list is mostly base64, and this is on the path of its verification.
std::optional<std::string> decode(std::string_view text, const std::array<std::int8_t, 256>& value_of) {
  const std::size_t rest = text.size() % 4;
  if (rest == 1) return std::nullopt;
  std::string out(text.size() / 4 * 3 + (rest == 0 ? 0 : rest - 1), '\0');
  const auto value = [&](std::size_t i) { return std::int32_t{value_of[static_cast<unsigned char>(text[i])]}; };
  char* to = out.data();
  std::int32_t bad = 0; // negative as soon as one character is not of the alphabet
  std::size_t i = 0;
  for (; i + 4 <= text.size(); i += 4) {
    const std::int32_t a = value(i), b = value(i + 1), c = value(i + 2), d = value(i + 3);
    bad |= a | b | c | d;
    *to++ = static_cast<char>(a << 2 | b >> 4);
    *to++ = static_cast<char>(b << 4 | c >> 2);
    *to++ = static_cast<char>(c << 6 | d);
  }
  if (rest != 0) {
    const std::int32_t a = value(i), b = value(i + 1), c = rest == 3 ? value(i + 2) : 0;
    bad |= a | b | c;
    // Stray bits would be a second spelling of the same bytes.
    if (((rest == 3 ? c << 6 : b << 4) & 0xff) != 0) return std::nullopt;
    *to++ = static_cast<char>(a << 2 | b >> 4);
    if (rest == 3) *to = static_cast<char>(b << 4 | c >> 2);
  }
  if (bad < 0) return std::nullopt;
  return out;
}

} // namespace

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out += hex_digits[static_cast<unsigned char>(c) >> 4];
    out += hex_digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = hex_digits.find(text[i]), low = hex_digits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string to_base64(std::string_view bytes) { return encode(bytes, standard, true); }
std::string to_base64url(std::string_view bytes) { return encode(bytes, url, false); }

std::optional<std::string> from_base64(std::string_view text) {
  static constexpr auto value_of = inverse(standard);
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.ends_with("=="))
    text.remove_suffix(2);
  else if (text.ends_with('='))
    text.remove_suffix(1);
  return decode(text, value_of);
}

std::optional<std::string> from_base64url(std::string_view text) {
  static constexpr auto value_of = inverse(url);
  return decode(text, value_of);
}

std::optional<std::string> from_base32(std::string_view text) {
  constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  static constexpr auto value_of = inverse(alphabet);
  std::string out;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const auto value = std::int32_t{value_of[static_cast<unsigned char>(c)]};
    if (value < 0) return std::nullopt;
    buffer = (buffer << 5 | static_cast<unsigned>(value)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<char>(buffer >> bits & 0xff));
    }
  }
  // More than a character's worth of bits left, or one that is set: a text that nothing encodes to.
  if (bits >= 5 || (buffer & ((1U << bits) - 1)) != 0) return std::nullopt;
  return out;
}

} // namespace landfall::base
