// What survives on disk: restarts, accidents, other people's files, and being killed at any moment.
#include "trust/store.hpp"

#include "base/file.hpp"
#include "tests/fakes/publisher.hpp"
#include "tests/trust/said.hpp"
#include "trust/saved.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

using namespace landfall;
using fakes::day;
using fakes::now;
using tests::said;
namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

const fakes::publisher publisher("testnet");

struct temporary_folder {
  fs::path path;
  temporary_folder() {
    std::string name = (fs::temp_directory_path() / "landfall-trust-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() { fs::remove_all(path); }
};

trust::state fresh_state(std::string channel = "public-0") {
  static const auto anchor = publisher.anchor();
  return {{.network = "testnet", .channel = std::move(channel), .lab = false, .build = now - 20 * day}, anchor};
}

std::int64_t version_in_hand(const trust::state& s) { return s.list() ? (*s.list())->order.version : 0; }
std::int64_t floor_of(const trust::state& s) { return s.stored_floor() ? s.stored_floor()->order.version : 0; }

struct loaded {
  trust::state state;
  std::vector<std::string> complaints;
};
loaded load(const trust::store& store, trust::state s = fresh_state()) {
  loaded out{std::move(s), {}};
  out.complaints = store.load(out.state, now);
  return out;
}

std::string content(const fs::path& path) { return base::read_file(path, 1 << 26).value(); }
/// Without base::write_file's fsync: hundreds of these are written.
void put(const fs::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  REQUIRE(out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush().good());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// A store in which list 10 was saved under root 2.
struct saved_store {
  temporary_folder folder;
  trust::store store{folder.path};
  fs::path file, floor_file;
  saved_store() {
    auto s = fresh_state();
    REQUIRE(s.offer_root(publisher.root({.version = 2}), now).has_value());
    REQUIRE(s.offer_list(publisher.list({.version = 10, .peers = 1}), now).adopted);
    REQUIRE(store.save(s).has_value());
    file = store.file_of(s.who());
    floor_file = store.floor_file_of(s.who());
  }
};

} // namespace

TEST_CASE("What was believed is believed again after a restart, verified anew") {
  temporary_folder folder;
  const trust::store store(folder.path);
  auto before = fresh_state();
  REQUIRE(before.offer_root(publisher.root({.version = 2}), now).has_value());
  REQUIRE(before.offer_list(publisher.list({.version = 10}), now).adopted);
  (void)before.offer_list(publisher.list({.version = 10, .peers = 5}), now);
  REQUIRE(store.save(before).has_value());
  const auto [after, complaints] = load(store);
  CHECK(complaints.empty());
  CHECK(after.root()->version == 2);
  CHECK(after.roots().size() == 2);
  CHECK(version_in_hand(after) == 10);
  CHECK(after.list()->envelope() == before.list()->envelope());
  CHECK(floor_of(after) == 10);
  CHECK(after.accepted_time() == before.accepted_time());
  CHECK(after.evidence() == before.evidence());
  CHECK(after.evidence().size() == 2);
  CHECK_FALSE(after.list_is_seed());
}

TEST_CASE("Nothing saved is nothing wrong, and nothing believed") {
  temporary_folder folder;
  const auto [s, complaints] = load(trust::store(folder.path));
  CHECK(complaints.empty());
  CHECK_FALSE(s.list());
  CHECK_FALSE(s.stored_floor());
}

TEST_CASE("A replay after a restart is rolled back, also when the list file is gone") {
  for (const bool delete_list : {false, true}) {
    CAPTURE(delete_list);
    const saved_store saved;
    if (delete_list) fs::remove(saved.file);
    auto [s, complaints] = load(saved.store);
    CHECK(complaints.empty());
    CHECK(version_in_hand(s) == (delete_list ? 0 : 10));
    CHECK(floor_of(s) == 10);
    CHECK(said(s.offer_list(publisher.list({.version = 9}), now + 2 * day)) == "rolled_back");
    CHECK(said(s.offer_list(publisher.list({.version = 9}), now)) == "verified_but_older");
    CHECK(said(s.offer_list(publisher.list({.version = 10, .peers = 9}), now)) == "equivocation");
    CHECK(said(s.offer_list(publisher.list({.version = 10, .peers = 1}), now)) ==
          (delete_list ? "won" : "verified_same"));
    CHECK(version_in_hand(s) == 10);
  }
}

TEST_CASE("An older list file put back does not count") {
  const saved_store saved;
  const auto old = content(saved.file);
  {
    auto [s, complaints] = load(saved.store);
    REQUIRE(s.offer_list(publisher.list({.version = 11}), now).adopted);
    REQUIRE(saved.store.save(s).has_value());
  }
  put(saved.file, old);
  const auto [s, complaints] = load(saved.store);
  CHECK(complaints.size() == 1);
  CHECK(version_in_hand(s) == 0);
  CHECK(floor_of(s) == 11);
}

TEST_CASE("A file cut short at any byte is set aside, and the floor survives") {
  const saved_store saved;
  const auto whole = content(saved.file);
  for (std::size_t size = 0; size < whole.size(); size += size < 400 || size > whole.size() - 400 ? 1 : 97) {
    CAPTURE(size);
    put(saved.file, whole.substr(0, size));
    const auto [s, complaints] = load(saved.store);
    REQUIRE(complaints.size() == 1);
    REQUIRE(complaints[0].starts_with("set aside: "));
    REQUIRE_FALSE(fs::exists(saved.file));
    REQUIRE(fs::exists(saved.file.string() + ".damaged"));
    REQUIRE_FALSE(s.list());
    REQUIRE(floor_of(s) == 10);
    REQUIRE(s.accepted_time() == now);
  }
  // And the same of the floor's copy: then the list file has it.
  put(saved.file, whole);
  const auto copy = content(saved.floor_file);
  for (std::size_t size = 0; size < copy.size(); ++size) {
    CAPTURE(size);
    put(saved.floor_file, copy.substr(0, size));
    const auto [s, complaints] = load(saved.store);
    REQUIRE(complaints.size() == 1);
    REQUIRE(version_in_hand(s) == 10);
    REQUIRE(floor_of(s) == 10);
  }
}

TEST_CASE("Damaged, foreign and older files are set aside and block nothing") {
  const saved_store original;
  const auto whole = content(original.file);
  auto flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  const auto body = [&](const std::string& from, const std::string& to) {
    // The hash is ours to make: what is tried here gets past it.
    const auto start = whole.find("\"body\":") + 7;
    return trust::sealed(replaced(whole.substr(start, whole.size() - start - 2), from, to));
  };
  struct row {
    const char* name;
    std::string bytes;
  };
  const row rows[] = {
      {"empty", ""},
      {"a page of zeros", std::string(4096, '\0')},
      {"zeros at its end", whole.substr(0, whole.size() - 512) + std::string(512, '\0')},
      {"zeros in its middle", std::string(whole).replace(whole.size() / 2, 512, std::string(512, '\0'))},
      {"a bit of it", flipped},
      {"a digit of its floor", replaced(whole, "\"version\":10", "\"version\":90")},
      {"something after it", whole + "x"},
      {"an older format", std::string(whole).replace(2, 17, "\"landfall_trust\":0")},
      {"not ours at all", "[network]\nid = \"testnet\"\n"},
      {"of another network", body("\"network\":\"testnet\"", "\"network\":\"other\"")},
      {"of another channel", body("\"channel\":\"public-0\"", "\"channel\":\"small-0\"")},
      {"of another root", body(publisher.anchor().id().hex(), std::string(64, '0'))},
      {"of no root", body("\"chain\":[", "\"chain\":[],\"x\":[")},
      {"with a root that does not verify", body("\\\"signatures\\\":[", "\\\"signatures\\\":[],\\\"x\\\":[")},
      {"with fewer roots than it names", body("\"roots\":[", "\"roots\":[\"\",")},
      {"with a floor that is none", body("\"floor\":{", "\"floor\":{\"version\":1,\"x\":{},")},
      {"a name twice", body("\"accepted\":", "\"accepted\":1,\"accepted\":")},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const saved_store saved;
    put(saved.file, row.bytes);
    auto [s, complaints] = load(saved.store);
    REQUIRE_FALSE(complaints.empty());
    CHECK(complaints[0].starts_with("set aside: "));
    CHECK(fs::exists(saved.file.string() + ".damaged"));
    CHECK(floor_of(s) == 10); // from its copy
    // Life goes on from here: the same list comes again, and is saved.
    while (s.root()->version < 2) REQUIRE(s.offer_root(publisher.root({.version = 2}), now).has_value());
    const auto v = s.offer_list(publisher.list({.version = 10, .peers = 1}), now);
    CHECK((v.adopted || said(v) == "verified_same"));
    CHECK(saved.store.save(s).has_value());
    CHECK(load(saved.store).complaints.empty());
  }
}

TEST_CASE("A network made anew under its old name is not held to the old floor") {
  const saved_store saved;
  const trust::state another(fresh_state().who(), publisher.anchor({.issued = now - 29 * day}));
  auto [s, complaints] = load(saved.store, another);
  CHECK(complaints.size() == 2); // both files
  CHECK_FALSE(s.stored_floor());
  CHECK(said(s.offer_list(publisher.list({.version = 1}), now)) == "won");
}

TEST_CASE("An anchor that moved along its chain keeps list and floor") {
  const saved_store saved;
  REQUIRE(saved.store.file_of(fresh_state().who()) == saved.file);
  // The very root that the file holds, now shipped as the anchor.
  const auto text = trust::read_saved(content(saved.file), fresh_state().who());
  REQUIRE(text.has_value());
  trust::state s(fresh_state().who(), trust::verify_anchor({text->chain.back().envelope}, "testnet").value());
  CHECK(saved.store.load(s, now).empty());
  CHECK(s.root()->version == 2);
  CHECK(version_in_hand(s) == 10);
  CHECK(floor_of(s) == 10);
}

TEST_CASE("A list of keys that a later root replaced is verified by the root of its time") {
  temporary_folder folder;
  const trust::store store(folder.path);
  auto s = fresh_state();
  REQUIRE(s.offer_list(publisher.list({.version = 10}), now).adopted);
  REQUIRE(s.offer_root(publisher.root({.version = 2, .list_keys = {"list x", "list y"}}), now).has_value());
  REQUIRE(version_in_hand(s) == 10);
  REQUIRE(store.save(s).has_value());
  const auto [after, complaints] = load(store);
  CHECK(complaints.empty());
  CHECK(after.root()->version == 2);
  CHECK(version_in_hand(after) == 10);
  CHECK(after.list_root() == 1);
}

TEST_CASE("What a root ended stays ended after a restart") {
  temporary_folder folder;
  const trust::store store(folder.path);
  auto s = fresh_state();
  REQUIRE(s.offer_list(publisher.list({.version = 10}), now).adopted);
  REQUIRE(s.offer_root(publisher.root({.version = 2, .epoch = 2}), now).has_value());
  REQUIRE(store.save(s).has_value());
  auto [after, complaints] = load(store);
  CHECK(complaints.empty());
  CHECK_FALSE(after.list());
  CHECK(floor_of(after) == 10);
  CHECK(said(after.offer_list(publisher.list({.epoch = 2, .version = 1, .root_version = 2}), now)) == "won");
}

TEST_CASE("A compiled seed is not saved, and a stored list is better than it") {
  temporary_folder folder;
  const trust::store store(folder.path);
  auto s = fresh_state();
  REQUIRE(s.offer_seed(publisher.list({.version = 5})).adopted);
  REQUIRE(store.save(s).has_value());
  CHECK_FALSE(load(store).state.list());
  REQUIRE(s.offer_list(publisher.list({.version = 6}), now).adopted);
  REQUIRE(store.save(s).has_value());
  // Seed first or store first: the same in the end.
  for (const bool seed_first : {true, false}) {
    CAPTURE(seed_first);
    for (const std::int64_t seed : {5, 7}) {
      auto again = fresh_state();
      if (seed_first) (void)again.offer_seed(publisher.list({.version = seed}));
      (void)store.load(again, now);
      if (!seed_first) (void)again.offer_seed(publisher.list({.version = seed}));
      CHECK(version_in_hand(again) == std::max<std::int64_t>(seed, 6));
      CHECK(again.list_is_seed() == (seed == 7));
    }
  }
}

TEST_CASE("Each network and channel has its own file, whatever its name") {
  temporary_folder folder;
  const trust::store store(folder.path);
  const auto file = [&](const char* network, const char* channel) {
    return store.file_of({.network = network, .channel = channel}).filename().string();
  };
  CHECK(file("a", "public-0") != file("b", "public-0"));
  CHECK(file("a", "public-0") != file("a", "small-0"));
  CHECK(file("a", "public-0").ends_with("-public-0.json"));
  CHECK(file("../../etc", "../../passwd").find('/') == std::string::npos);
  CHECK(file("../../etc", "../../passwd").find("..") == std::string::npos);
  auto s = fresh_state("small-0");
  REQUIRE(s.offer_list(fakes::publisher("testnet", "small-0").list({.version = 3}), now).adopted);
  REQUIRE(store.save(s).has_value());
  CHECK_FALSE(load(store).state.stored_floor());
}

TEST_CASE("A folder that cannot be written keeps what it has") {
  const saved_store saved;
  const auto before = content(saved.file);
  auto s = load(saved.store).state;
  REQUIRE(s.offer_list(publisher.list({.version = 11}), now).adopted);
  const auto missing = trust::store(saved.folder.path / "gone").save(s);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().what == base::outcome::local_error);
  CHECK(content(saved.file) == before);
}

TEST_CASE("Killed at any moment while saving, the old or the new is there") {
  constexpr std::size_t steps = 12;
  std::vector<trust::state> states;
  for (std::size_t i = 0; i < steps; ++i) {
    states.push_back(fresh_state());
    const auto list = publisher.list({.version = static_cast<std::int64_t>(i) + 1, .peers = 1 + i * 20});
    REQUIRE(states.back().offer_list(list, now).adopted);
  }
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 25; ++round) {
    const temporary_folder folder;
    const trust::store store(folder.path);
    REQUIRE(store.save(states[0]).has_value());
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      for (const auto& state : states)
        if (::write(pipe[1], "x", 1) != 1 || !store.save(state).has_value()) ::_exit(1);
      for (;;) ::pause();
    }
    // The kill falls somewhere after the beginning of one of the saves.
    char byte = 0;
    for (std::size_t begun = 1 + random() % steps; begun > 0; --begun) REQUIRE(::read(pipe[0], &byte, 1) == 1);
    for (auto turns = random() % 100'000; turns > 0; --turns) (void)random();
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    ::close(pipe[0]);
    ::close(pipe[1]);
    const auto [after, complaints] = load(store);
    CHECK(complaints.empty());
    CHECK(version_in_hand(after) >= 1);
    CHECK(floor_of(after) == version_in_hand(after));
  }
}
