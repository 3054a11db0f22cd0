#include "base/encoding.hpp"

#include <doctest/doctest.h>

using namespace landfall::base;

TEST_CASE("the test vectors of RFC 4648 section 10") {
  struct row {
    const char *bytes, *base64, *base64url, *hex;
  };
  const row rows[] = {
      {"", "", "", ""},
      {"f", "Zg==", "Zg", "66"},
      {"fo", "Zm8=", "Zm8", "666f"},
      {"foo", "Zm9v", "Zm9v", "666f6f"},
      {"foob", "Zm9vYg==", "Zm9vYg", "666f6f62"},
      {"fooba", "Zm9vYmE=", "Zm9vYmE", "666f6f6261"},
      {"foobar", "Zm9vYmFy", "Zm9vYmFy", "666f6f626172"},
      {"\xfb\xff\xbf", "+/+/", "-_-_", "fbffbf"},
  };
  for (const auto& row : rows) {
    CHECK(to_base64(row.bytes) == row.base64);
    CHECK(to_base64url(row.bytes) == row.base64url);
    CHECK(to_hex(row.bytes) == row.hex);
    CHECK(from_base64(row.base64) == row.bytes);
    CHECK(from_base64url(row.base64url) == row.bytes);
    CHECK(from_hex(row.hex) == row.bytes);
  }
}

TEST_CASE("a second spelling of the same bytes is refused") {
  for (const char* text :
       {"Zg", "Zg=", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm 9v", "-_-_", "Zg==Zg==", "=", "====", "Z==="}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64(text));
  }
  for (const char* text : {"Zg==", "Zh", "+/+/", "Z", "Zm9v "}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64url(text));
  }
  for (const char* text : {"6", "6G", "FF", "0x66", " 66"}) {
    CAPTURE(text);
    CHECK_FALSE(from_hex(text));
  }
}

TEST_CASE("base32 in lower case without padding") {
  struct row {
    const char *bytes, *base32;
  };
  const row rows[] = {{"", ""},
                      {"f", "my"},
                      {"fo", "mzxq"},
                      {"foo", "mzxw6"},
                      {"foob", "mzxw6yq"},
                      {"fooba", "mzxw6ytb"},
                      {"foobar", "mzxw6ytboi"}};
  for (const auto& row : rows) CHECK(from_base32(row.base32) == row.bytes);
  for (const char* text : {"m", "MY", "mz", "my======", "m1", "m8", " my", "mzxw6y", "mzxw6yr"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base32(text));
  }
}
