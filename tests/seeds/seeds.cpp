#include "seeds/seeds.hpp"

#include "base/file.hpp"
#include "tests/fakes/publisher.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <unistd.h>

#include <cstdio>
#include <fstream>

using namespace landfall;
namespace fs = std::filesystem;
using fakes::now;

namespace {

const fakes::publisher publisher("testnet");

struct documents {
  std::vector<std::string> roots;
  std::string list;
  std::string network = "testnet";
  [[nodiscard]] seeds::compiled_seeds compiled() const {
    return {network, {roots.begin(), roots.end()}, list, "test", "", now};
  }
};

trust::state fresh() { return {{.network = "testnet"}, publisher.anchor()}; }

} // namespace

TEST_CASE("seeds give a fresh install its first list and its floor") {
  const documents from{{publisher.root().bytes}, publisher.list({.version = 7}).bytes};
  auto state = fresh();
  const auto sown = seeds::sow(state, from.compiled(), now);
  CHECK(sown.list);
  CHECK(sown.notes.empty());
  REQUIRE(state.list());
  CHECK(state.list_is_seed());
  CHECK(state.tier(now) == trust::tier::c);
  CHECK(state.offer_list(publisher.list({.version = 6, .issued = now - 30 * fakes::day}), now).what ==
        base::outcome::rolled_back);
}

TEST_CASE("compiled roots bring a fresh install up to date") {
  const documents from{
      {publisher.root().bytes, publisher.root({.version = 2}).bytes, publisher.root({.version = 3}).bytes},
      publisher.list({.root_version = 3}).bytes};
  auto state = fresh();
  const auto sown = seeds::sow(state, from.compiled(), now);
  CHECK(sown.roots == 2);
  CHECK(sown.list);
  CHECK(state.root()->version == 3);
}

TEST_CASE("an anchor later than the first compiled root is met where the chains join") {
  const documents from{
      {publisher.root().bytes, publisher.root({.version = 2}).bytes, publisher.root({.version = 3}).bytes},
      publisher.list().bytes};
  trust::state state({.network = "testnet"}, publisher.anchor({.version = 2}));
  CHECK(seeds::sow(state, from.compiled(), now).roots == 1);
  CHECK(state.root()->version == 3);
}

TEST_CASE("nothing of another network or another chain is used") {
  const fakes::names others{"other a", "other b"};
  const fakes::publisher elsewhere("elsewhere");
  const std::tuple<const char*, documents, std::size_t> rows[] = {
      {"no seeds", {{}, "", ""}, 0},
      {"another network", {{elsewhere.root().bytes}, elsewhere.list().bytes, "elsewhere"}, 0},
      {"another network under our name", {{elsewhere.root().bytes}, elsewhere.list().bytes}, 1},
      {"another root of the same version",
       {{publisher.root({.root_keys = others, .signers = others}).bytes}, publisher.list().bytes},
       1},
      {"a next root that ours did not sign",
       {{publisher.root().bytes, publisher.root({.version = 2, .root_keys = others, .signers = others}).bytes},
        publisher.list().bytes},
       1},
      {"a gap between roots",
       {{publisher.root().bytes, publisher.root({.version = 3}).bytes}, publisher.list().bytes},
       1},
      {"a list that others signed", {{publisher.root().bytes}, publisher.list({.signers = others}).bytes}, 1},
      {"no document", {{"{}"}, "{}"}, 1},
  };
  for (const auto& [name, from, notes] : rows) {
    CAPTURE(name);
    auto state = fresh();
    const auto sown = seeds::sow(state, from.compiled(), now);
    CHECK(sown.notes.size() == notes);
    CHECK(sown.roots == 0);
    CHECK_FALSE(sown.list);
    CHECK_FALSE(state.list());
    CHECK(state.root()->version == 1);
  }
}

TEST_CASE("what this build carries is whole, and demo is known as such") {
  const auto& mine = seeds::compiled();
  CHECK(mine.built > 1'700'000'000);
  CHECK(mine.network.empty() == mine.roots.empty());
  CHECK(seeds::is_demo("demo"));
  CHECK_FALSE(seeds::is_demo("pqvpn-main"));
  if (mine.network.empty()) return; // a build without seeds
  const auto anchor = trust::verify_anchor({std::string(mine.roots.front())}, mine.network);
  REQUIRE(anchor.has_value());
  trust::state state({.network = std::string(mine.network), .lab = seeds::is_demo(mine.network)}, *anchor);
  const auto sown = seeds::sow(state, mine, now);
  CHECK(sown.notes.empty());
  CHECK(sown.list == !mine.list.empty());
  CHECK(mine.sha256.size() == 64);
}

// --- seeds/embed.py: from a folder to a C++ source -----------------------------------------------------------------

namespace {

struct folder {
  fs::path path = fs::temp_directory_path() / fmt::format("landfall-test-seeds-{}", ::getpid());
  folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() { fs::remove_all(path); }

  void put(const std::string& name, std::string_view content) const { std::ofstream(path / name) << content; }

  /// Exit status and what was said or, when it is 0, written.
  [[nodiscard]] std::pair<int, std::string> embed(const std::string& environment = "") const {
    const auto script = fs::path(LANDFALL_VECTORS) / "../../seeds/embed.py";
    const auto out = path / "out.cpp";
    const auto command = fmt::format("cd {} && {} python3 {} --out {} --origin mine $(ls *.json 2>/dev/null) 2>&1",
                                     path.string(), environment, script.string(), out.string());
    std::FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe);
    std::string said(4096, '\0');
    said.resize(std::fread(said.data(), 1, said.size(), pipe));
    const int status = ::pclose(pipe);
    return {status, status == 0 ? base::read_file(out, 1 << 22).value() : said};
  }
};

/// The bytes of the string literal `name` in the generated source.
std::string literal(const std::string& source, const std::string& name) {
  const auto start = source.find(name + "[] =");
  REQUIRE(start != source.npos);
  const auto text = source.substr(start, source.find(';', start) - start);
  std::string hex;
  for (auto at = text.find("\\x"); at != text.npos; at = text.find("\\x", at + 1)) hex += text.substr(at + 2, 2);
  return base::from_hex(hex).value();
}

} // namespace

TEST_CASE("a folder of documents becomes a source with the same bytes, in the order of versions") {
  const folder in;
  const auto one = publisher.root().bytes, two = publisher.root({.version = 2}).bytes,
             ten = publisher.list({.root_version = 2}).bytes;
  in.put("root.dsse.json", one);
  in.put("root.2.dsse.json", two);
  in.put("list.dsse.json", ten);
  const auto [status, source] = in.embed("SOURCE_DATE_EPOCH=1795132800");
  REQUIRE(status == 0);
  CHECK(literal(source, "root_0") == one);
  CHECK(literal(source, "root_1") == two);
  CHECK(literal(source, "list") == ten);
  for (const auto* part : {"\"testnet\"", "\"mine\"", "1795132800}"}) CHECK(source.find(part) != source.npos);
  CHECK(source.find(crypto::sha256(one + two + ten).hex()) != source.npos);
  CHECK(in.embed("SOURCE_DATE_EPOCH=1795132800").second == source);
}

TEST_CASE("a folder without documents makes a build without seeds") {
  const folder in;
  const auto [status, source] = in.embed();
  CHECK(status == 0);
  CHECK(literal(source, "list").empty());
}

TEST_CASE("a packager's mistake ends the build and is named") {
  const auto root = publisher.root().bytes, list = publisher.list().bytes;
  using files = std::vector<std::pair<std::string, std::string>>;
  const std::tuple<const char*, files, const char*> rows[] = {
      {"a list alone", {{"list.dsse.json", list}}, "without root.dsse.json"},
      {"a gap",
       {{"root.dsse.json", root}, {"root.3.dsse.json", publisher.root({.version = 3}).bytes}},
       "does not follow 1"},
      {"two networks",
       {{"root.dsse.json", root}, {"list.dsse.json", fakes::publisher("other").list().bytes}},
       "several networks"},
      {"documents mixed up", {{"root.dsse.json", list}}, "'root' is wanted"},
      {"another name", {{"root.dsse.json", root}, {"extra.dsse.json", list}}, "neither root.dsse.json"},
      {"not JSON", {{"root.dsse.json", "root"}}, "not a signed document"},
      {"an array", {{"root.dsse.json", "[]"}}, "not a signed document"},
      {"payload not base64", {{"root.dsse.json", R"({"payload":"!"})"}}, "not a signed document"},
      {"too large", {{"root.dsse.json", std::string(128 * 1024 + 1, ' ')}}, "larger than"},
  };
  for (const auto& [name, put, said] : rows) {
    CAPTURE(name);
    const folder in;
    for (const auto& [file, content] : put) in.put(file, content);
    const auto [status, output] = in.embed();
    CHECK(status != 0);
    CAPTURE(output);
    CHECK(output.find(said) != output.npos);
  }
}
