#include "base/json.hpp"

#include <doctest/doctest.h>

using namespace landfall;

TEST_CASE("JSON is taken strictly") {
  struct row {
    const char *name, *text;
    bool good;
  };
  const row rows[] = {
      {"an object", R"({"a":1,"b":[true,null,"x"]})", true},
      {"white space around", " {\"a\":1}\n", true},
      {"the largest integer", "9007199254740991", true},
      {"the smallest integer", "-9007199254740991", true},
      {"one more than the largest", "9007199254740992", false},
      {"beyond 64 bits", "18446744073709551616", false},
      {"unsigned 64 bits", "18446744073709551615", false},
      {"a fraction", "1.0", false},
      {"an exponent", "1e3", false},
      {"minus nought", "-0", false},
      {"nought", "0", true},
      {"a leading nought", "01", false},
      {"a name twice", R"({"a":1,"a":1})", false},
      {"a name twice, once escaped", R"({"a":1,"\u0061":1})", false},
      {"a name twice among twenty",
       R"({"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"r":1,"s":1,"a":1})",
       false},
      {"twenty names",
       R"({"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"r":1,"s":1,"t":1})",
       true},
      {"a name twice around an object", R"({"a":{"x":1},"b":{"y":1},"a":1})", false},
      {"the name of an object within it", R"({"a":{"a":{"a":1}}})", true},
      {"one name in two objects", R"([{"a":1},{"a":1}])", true},
      {"a name twice further down", R"({"a":{"b":1,"c":2,"b":3}})", false},
      {"bytes after the value", "{} x", false},
      {"a second value", "{}{}", false},
      {"too deep", "[[[[[[[1]]]]]]]", false},
      {"just deep enough", "[[[[[[1]]]]]]", true},
      {"nothing", "", false},
      {"cut short", R"({"a":)", false},
      {"a comment", "/* x */ 1", false},
      {"a trailing comma", "[1,]", false},
      {"invalid UTF-8", "\"\xff\"", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(base::parse_json(row.text, 6).has_value() == row.good);
  }
}
