// The keys of private onion services, as tor's files and people write them.
#include "onion/client_key.hpp"

#include "tests/fakes/process.hpp"

#include <sys/stat.h>

using namespace landfall;

namespace {
const std::string id(56, 'a'), key = "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"; // 32 bytes of 1
constexpr auto base64 = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
} // namespace

TEST_CASE("A key is read in each form that people have it in") {
  struct row {
    std::string name, text;
    bool good;
  };
  const row rows[] = {
      {"base32", key, true},
      {"upper case, with a line end", "AEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQ\r\n", true},
      {"tor's file", id + ":descriptor:x25519:" + key + "\n", true},
      {"of another service", std::string(56, 'b') + ":descriptor:x25519:" + key, false},
      {"too short", key.substr(1), false},
      {"a byte too long", key + "aa", false},
      {"bits that stand for nothing", key.substr(0, 51) + "r", false},
      {"no base32", std::string(52, '1'), false},
      {"nothing", "", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = onion::client_key::parse(row.text, id);
    CHECK(got.has_value() == row.good);
    if (got) CHECK(got->key.reveal() == base64);
  }
}

TEST_CASE("A key that others can read is refused") {
  const fakes::scratch folder;
  const auto file = folder.put("auth", key);
  ::chmod(file.c_str(), 0644);
  CHECK(onion::client_key::load(file, id).has_error());
  ::chmod(file.c_str(), 0600);
  CHECK(onion::client_key::load(file, id).has_value());
  CHECK(onion::client_key::load(folder.path() / "none", id).has_error());
}
