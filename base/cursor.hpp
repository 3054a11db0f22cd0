// A bounds-checked reader: the only way in which Landfall takes bytes apart.
//
// Every take is checked against what is left; the first failed take makes the cursor `failed()` for good, and later
// takes return empty values, so a parser may take a whole record and check once at its end. Big endian. Does no I/O and
// owns nothing: the bytes must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace landfall::base {

class cursor {
public:
  explicit cursor(std::string_view bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

  /// Exactly `size` bytes, or empty and failed.
  std::string_view take(std::size_t size) noexcept;
  std::uint8_t take_u8() noexcept;
  std::uint16_t take_u16() noexcept;
  std::uint32_t take_u32() noexcept;
  std::uint64_t take_u64() noexcept;

  /// Bytes up to the delimiter, which is consumed and not returned. Fails when it is not within `max` bytes.
  std::string_view take_until(char delimiter, std::size_t max) noexcept;
  /// Consumes `expected` if it is next.
  bool skip(std::string_view expected) noexcept;

  /// A decimal number without sign, leading zeros, or more than 19 digits, at most `max`; else fails.
  std::uint64_t take_decimal(std::uint64_t max) noexcept;

private:
  std::uint64_t big_endian(std::size_t size) noexcept;
  std::string_view rest_;
  bool failed_ = false;
};

} // namespace landfall::base
