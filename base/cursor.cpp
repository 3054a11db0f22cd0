#include "base/cursor.hpp"

namespace landfall::base {

std::string_view cursor::take(std::size_t size) noexcept {
  if (failed_ || size > rest_.size()) {
    failed_ = true;
    return {};
  }
  const auto out = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return out;
}

std::uint64_t cursor::big_endian(std::size_t size) noexcept {
  std::uint64_t out = 0;
  for (const char c : take(size)) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

std::uint8_t cursor::take_u8() noexcept { return static_cast<std::uint8_t>(big_endian(1)); }
std::uint16_t cursor::take_u16() noexcept { return static_cast<std::uint16_t>(big_endian(2)); }
std::uint32_t cursor::take_u32() noexcept { return static_cast<std::uint32_t>(big_endian(4)); }
std::uint64_t cursor::take_u64() noexcept { return big_endian(8); }

std::string_view cursor::take_until(char delimiter, std::size_t max) noexcept {
  const auto at = rest_.substr(0, max == std::string_view::npos ? max : max + 1).find(delimiter);
  if (failed_ || at == std::string_view::npos) {
    failed_ = true;
    return {};
  }
  const auto out = rest_.substr(0, at);
  rest_.remove_prefix(at + 1);
  return out;
}

bool cursor::skip(std::string_view expected) noexcept {
  if (failed_ || !rest_.starts_with(expected)) return false;
  rest_.remove_prefix(expected.size());
  return true;
}

std::uint64_t cursor::take_decimal(std::uint64_t max) noexcept {
  constexpr std::size_t most_digits = 19; // 10^19 - 1 fits 64 bits
  std::size_t digits = 0;
  std::uint64_t out = 0;
  while (digits < rest_.size() && digits <= most_digits && rest_[digits] >= '0' && rest_[digits] <= '9') {
    if (digits == most_digits) {
      failed_ = true;
      return 0;
    }
    out = out * 10 + static_cast<std::uint64_t>(rest_[digits++] - '0');
  }
  const bool leading_zero = digits > 1 && rest_[0] == '0';
  if (failed_ || digits == 0 || leading_zero || out > max) {
    failed_ = true;
    return 0;
  }
  rest_.remove_prefix(digits);
  return out;
}

} // namespace landfall::base
