#include "crypto/hash.hpp"

#include "vectors.hpp"

using namespace landfall;
using namespace std::string_literals;

TEST_CASE("SHA-256 and HMAC-SHA-256 give what their standards give") {
  CHECK(crypto::sha256("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(crypto::sha256("abc").hex() ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); // FIPS 180-4
  struct row {
    const char* name;
    std::string key, data, expect;
  };
  const row rows[] = {
      {"RFC 4231 case 1", std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"RFC 4231 case 2", "Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {"RFC 4231 case 6, a key longer than a block", std::string(131, '\xaa'),
       "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {"an empty key and no data", "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(crypto::hmac_sha256(row.key, row.data).hex() == row.expect);
  }
  const auto first = crypto::hmac_sha256("one key", "x");
  CHECK(crypto::hmac_sha256("", "x") != first);
  CHECK(crypto::hmac_sha256("", "x") == crypto::hmac_sha256("", "x")); // an empty key is not "the key before"
}

TEST_CASE("Random bytes have the size asked for and differ") {
  CHECK(crypto::random_bytes(0).empty());
  CHECK(crypto::random_bytes(33).size() == 33);
  CHECK(crypto::random_bytes(32) != crypto::random_bytes(32));
}

TEST_CASE("Random numbers stay below their bound and reach every value") {
  bool seen[7] = {};
  for (int i = 0; i < 1000; ++i) {
    const auto value = crypto::random_below(7);
    REQUIRE(value < 7);
    seen[value] = true;
  }
  for (const bool each : seen) CHECK(each); // misses one with probability 7 * (6/7)^1000
  CHECK(crypto::random_below(1) == 0);
}

TEST_CASE("Secrets are compared by size and content") {
  CHECK(crypto::equal_secret("abc", "abc"));
  CHECK(crypto::equal_secret("", ""));
  CHECK_FALSE(crypto::equal_secret("abc", "abd"));
  CHECK_FALSE(crypto::equal_secret("abc", "abcd"));
  CHECK_FALSE(crypto::equal_secret("a\0b"s, "a\0c"s));
}
