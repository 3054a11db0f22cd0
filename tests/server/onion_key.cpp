// Which address a key has, and where keys come from.
#include "server/onion_key.hpp"

#include "base/encoding.hpp"
#include "config/host.hpp"
#include "crypto/hash.hpp"
#include "tests/server/samples.hpp"

#include <sys/stat.h>

using namespace landfall;

namespace {

std::string hex(std::string_view text) { return base::from_hex(text).value(); }

crypto::secret_key seed_of(std::string_view text) {
  const auto bytes = hex(text);
  crypto::key_bytes out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return crypto::secret_key(out);
}

std::filesystem::perms mode_of(const std::filesystem::path& file) {
  return std::filesystem::status(file).permissions();
}

const base::secret nothing;
constexpr auto head = "== ed25519v1-secret: type0 ==";

} // namespace

TEST_CASE("Expanded keys have the public keys of RFC 8032") {
  struct row {
    std::string name, seed, expected;
  };
  const row rows[] = {
      {"test 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
      {"test 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto key = crypto::expanded_ed25519::of_seed(seed_of(row.seed));
    const auto open = key.public_key();
    CHECK(base::to_hex({reinterpret_cast<const char*>(open.data()), open.size()}) == row.expected);
    const auto again = crypto::expanded_ed25519::read(key.reveal());
    REQUIRE(again.has_value());
    CHECK(again->public_key() == open);
  }
}

TEST_CASE("A scalar that is not clamped is no key") {
  const auto good = crypto::expanded_ed25519::of_seed(seed_of(std::string(64, '1')));
  const std::string bytes(good.reveal());
  for (const auto& [at, flip] : {std::pair<std::size_t, char>{0, 1}, {0, 4}, {31, '\x80'}, {31, '\x40'}}) {
    auto bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ flip);
    CHECK_FALSE(crypto::expanded_ed25519::read(bad));
  }
  CHECK_FALSE(crypto::expanded_ed25519::read(bytes.substr(1)));
}

TEST_CASE("The address of a key is one that our clients take") {
  const auto key = server::onion_key_of(crypto::expanded_ed25519::of_seed(seed_of(std::string(64, '2'))));
  CHECK(key.address.size() == 56);
  CHECK(config::check_onion(key.address + ".onion").has_value());
  const auto open = key.secret.public_key();
  CHECK(base::from_base32(key.address)->substr(0, 32) == std::string(open.begin(), open.end()));
}

TEST_CASE("A key is made once, by itself or from the seed, and stays") {
  const server::samples::folder folder;
  const auto file = folder.path() / "onion.key";
  const auto made = server::load_onion_key(file, nothing), again = server::load_onion_key(file, nothing);
  REQUIRE(made.has_value());
  REQUIRE(again.has_value());
  CHECK(made->address == again->address);
  CHECK(mode_of(file) == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  CHECK(base::read_file(file, 1000)->starts_with(head));
  const base::secret seed(std::string(32, 's')), other(std::string(32, 't'));
  const auto derived = server::load_onion_key(std::nullopt, seed);
  REQUIRE(derived.has_value());
  // Fixed for ever: a server that is updated keeps its address.
  CHECK(derived->address == "3askdvy74uvms2is2ospaiq3gv5qqazuo3hhcx5o5zioeyftllypxead");
  CHECK(server::load_onion_key(std::nullopt, other)->address != derived->address);
  CHECK(server::load_onion_key(file, seed)->address == made->address);
}

TEST_CASE("A file that is no key of ours alone is refused, saying why, and stays") {
  const server::samples::folder folder;
  const std::string good(server::load_onion_key(folder.path() / "good", nothing)->secret.reveal());
  const auto put = [&folder](const char* name, const std::string& content, mode_t mode = 0600) {
    folder.write(name, content);
    REQUIRE(::chmod((folder.path() / name).c_str(), mode) == 0);
  };
  const std::string start = std::string(head) + std::string(3, '\0');
  put("group", start + good, 0640);
  put("others", start + good, 0604);
  put("short", start + good.substr(1));
  put("foreign", std::string(32, 'x') + good);
  put("unclamped", start + std::string(64, '\xff'));
  std::filesystem::create_symlink(folder.path() / "good", folder.path() / "link");
  std::filesystem::create_symlink(folder.path() / "nowhere", folder.path() / "dangling");
  REQUIRE(::mkfifo((folder.path() / "pipe").c_str(), 0600) == 0);
  struct row {
    std::string file, expected;
  };
  const row rows[] = {
      {"group", "by others"},
      {"others", "by others"},
      {"short", "96 bytes"},
      {"foreign", "no onion service's key"},
      {"unclamped", "no onion service's key"},
      {"link", "is a link"},
      {"dangling", "is a link"},
      {"pipe", "no regular file"},
      {".", "no regular file"},
      {"no/folder", "cannot create"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.file);
    const auto got = server::load_onion_key(folder.path() / row.file, nothing);
    REQUIRE_FALSE(got.has_value());
    CHECK_MESSAGE(got.error().detail.find(row.expected) != std::string::npos, got.error().detail);
  }
  CHECK(server::load_onion_key(std::nullopt, nothing).error().detail.find("--onion-key") != std::string::npos);
}
