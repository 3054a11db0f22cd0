#include "base/cursor.hpp"

#include <doctest/doctest.h>

#include <string>

using landfall::base::cursor;

TEST_CASE("a cursor never reads past its end") {
  cursor c("\x01\x02\x03");
  CHECK(c.take_u16() == 0x0102);
  CHECK(c.take_u16() == 0);
  CHECK(c.failed());
  SUBCASE("and stays failed, even for what would fit") {
    CHECK(c.take(1).empty());
    CHECK(c.take_u8() == 0);
  }
}

TEST_CASE("numbers are big endian") {
  cursor c(std::string_view("\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x2a", 12));
  CHECK(c.take_u64() == 256);
  CHECK(c.take_u32() == 42);
  CHECK(c.at_end());
  CHECK_FALSE(c.failed());
}

TEST_CASE("take_until finds a delimiter within its bound only") {
  struct row {
    const char* name;
    std::string text;
    std::size_t max;
    bool good;
    std::string taken;
  };
  const row rows[] = {
      {"found", "abc\nrest", 10, true, "abc"},
      {"exactly at the bound", "abc\n", 3, true, "abc"},
      {"one past the bound", "abcd\n", 3, false, ""},
      {"missing", "abc", 10, false, ""},
      {"empty", "\n", 0, true, ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    cursor c(row.text);
    CHECK(c.take_until('\n', row.max) == row.taken);
    CHECK(c.failed() == !row.good);
  }
}

TEST_CASE("decimals have one spelling and a bound") {
  struct row {
    const char *name, *text;
    std::uint64_t max;
    bool good;
    std::uint64_t value;
  };
  const row rows[] = {
      {"nought", "0", 9, true, 0},
      {"a number", "4127/", 9999, true, 4127},
      {"at the bound", "9999", 9999, true, 9999},
      {"past the bound", "10000", 9999, false, 0},
      {"a leading nought", "01", 9, false, 0},
      {"a sign", "-1", 9, false, 0},
      {"nothing", "", 9, false, 0},
      {"20 digits", "18446744073709551616", ~std::uint64_t{0}, false, 0},
      {"19 digits", "9999999999999999999", ~std::uint64_t{0}, true, 9999999999999999999ULL},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    cursor c(row.text);
    CHECK(c.take_decimal(row.max) == row.value);
    CHECK(c.failed() == !row.good);
  }
}
