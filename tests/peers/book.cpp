#include "peers/book.hpp"

#include "base/file.hpp"
#include "tests/fakes/publisher.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <unistd.h>

#include <fstream>

using namespace landfall;
namespace fs = std::filesystem;
using fakes::day;
using fakes::now;
using fakes::peer_id;

namespace {

const fakes::publisher publisher("testnet");

trust::state state_with(const fakes::list_options& options) {
  trust::state out({.network = "testnet"}, publisher.anchor());
  REQUIRE(out.offer_list(publisher.list(options), now).adopted);
  return out;
}

std::vector<config::endpoint> endpoints(std::initializer_list<const char*> all) {
  std::vector<config::endpoint> out;
  for (const auto* text : all) out.push_back(config::endpoint::parse(text).value());
  return out;
}

const peers::candidate* find(const std::vector<peers::candidate>& all, const std::string& id) {
  const auto at = std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.id == id; });
  return at == all.end() ? nullptr : &*at;
}

struct temporary_folder {
  fs::path path = fs::temp_directory_path() / fmt::format("landfall-test-book-{}", ::getpid());
  temporary_folder() { fs::create_directories(path); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() { fs::remove_all(path); }
};

} // namespace

TEST_CASE("candidates are the list's peers with what the list says of them") {
  const auto state = state_with({.version = 7, .peers = 4});
  const auto all = peers::book().candidates(state, now);
  REQUIRE(all.size() == 4);
  const auto* one = find(all, peer_id(2));
  REQUIRE(one);
  CHECK(one->source == peers::source::list);
  CHECK(one->tier == trust::tier::a);
  CHECK(one->list_version == 7);
  CHECK(one->asn == 64498);
  CHECK(one->weight == 100);
  CHECK(one->roles == std::vector<std::string>{"relay"});
  CHECK(peers::book().candidates(state, now + 40 * day).front().tier == trust::tier::b);
}

TEST_CASE("compiled seeds are candidates of tier C and source seed") {
  trust::state state({.network = "testnet"}, publisher.anchor());
  REQUIRE(state.offer_seed(publisher.list()).tier);
  const auto all = peers::book().candidates(state, now);
  REQUIRE(all.size() == 4);
  CHECK(all.front().source == peers::source::seed);
  CHECK(all.front().tier == trust::tier::c);
}

TEST_CASE("without a list only manual peers are candidates") {
  const trust::state state({.network = "testnet"}, publisher.anchor());
  peers::book book;
  CHECK(book.candidates(state, now).empty());
  const auto id = book.add(endpoints({"tcp://192.0.2.9:443"}), std::nullopt, now);
  REQUIRE(id.has_value());
  const auto all = book.candidates(state, now);
  REQUIRE(all.size() == 1);
  CHECK(all.front().id == *id);
  CHECK(all.front().source == peers::source::manual);
}

TEST_CASE("a peer by hand has an id, its own or one made of its first endpoint") {
  peers::book book;
  const auto made = book.add(endpoints({"tcp://192.0.2.9:443", "udp://192.0.2.9:443"}), std::nullopt, now);
  REQUIRE(made.has_value());
  CHECK(*made == "~" + base::to_base64url(crypto::sha256("tcp://192.0.2.9:443").view()));
  CHECK(book.add(endpoints({"tcp://192.0.2.9:443"}), peer_id(1), now).value() == peer_id(1));
  CHECK(book.add({}, std::nullopt, now).error().what == base::outcome::malformed);
  CHECK(book.add(endpoints({"tcp://192.0.2.9:443"}), "short", now).error().what == base::outcome::malformed);
  CHECK(book.add(std::vector(5, endpoints({"tcp://192.0.2.9:443"}).front()), std::nullopt, now).error().what ==
        base::outcome::too_large);
}

TEST_CASE("a peer by hand twice is one with new endpoints; no more than 64 are kept") {
  const trust::state state({.network = "testnet"}, publisher.anchor());
  peers::book book;
  REQUIRE(book.add(endpoints({"tcp://192.0.2.9:443"}), peer_id(1), now).has_value());
  REQUIRE(book.add(endpoints({"tcp://192.0.2.10:443"}), peer_id(1), now).has_value());
  REQUIRE(book.candidates(state, now).size() == 1);
  CHECK(book.candidates(state, now).front().endpoints == endpoints({"tcp://192.0.2.10:443"}));
  for (std::size_t n = 1; n < peers::max_manual; ++n)
    REQUIRE(book.add(endpoints({"tcp://192.0.2.9:443"}), peer_id(100 + n), now).has_value());
  CHECK(book.add(endpoints({"tcp://192.0.2.9:443"}), peer_id(99), now).error().what == base::outcome::too_large);
}

TEST_CASE("a manual peer that the list names is the list's, and one that it revokes is gone") {
  const auto state = state_with({.peers = 2, .revoked = {peer_id(5)}});
  peers::book book;
  for (const auto n : {0, 5, 6})
    REQUIRE(book.add(endpoints({"tcp://192.0.2.9:443"}), peer_id(static_cast<std::size_t>(n)), now).has_value());
  const auto all = book.candidates(state, now);
  CHECK(all.size() == 3);
  REQUIRE(find(all, peer_id(0)));
  CHECK(find(all, peer_id(0))->source == peers::source::list);
  CHECK_FALSE(find(all, peer_id(5)));
  CHECK(find(all, peer_id(6)));
}

TEST_CASE("only the VPN's report counts, and none of strangers is kept") {
  const auto state = state_with({.peers = 2});
  peers::book book;
  CHECK_FALSE(book.report(state, peer_id(9), true, 41, now));
  const auto failures = [&] { return find(book.candidates(state, now), peer_id(0))->failures; };
  CHECK(book.report(state, peer_id(0), false, std::nullopt, now));
  CHECK(book.report(state, peer_id(0), false, std::nullopt, now + 1));
  CHECK(failures() == 2);
  CHECK(book.report(state, peer_id(0), true, 41, now + 2));
  CHECK(failures() == 0);
  CHECK(book.to_text().find("\"rtt_ms\":41") != std::string::npos);
}

TEST_CASE("all have failed when each failed after its last success") {
  const auto state = state_with({.peers = 2});
  peers::book book;
  const std::vector both{peer_id(0), peer_id(1)};
  CHECK_FALSE(book.all_failed({}));
  CHECK_FALSE(book.all_failed(both));
  REQUIRE(book.report(state, peer_id(0), false, std::nullopt, now));
  CHECK_FALSE(book.all_failed(both));
  REQUIRE(book.report(state, peer_id(1), false, std::nullopt, now));
  CHECK(book.all_failed(both));
  REQUIRE(book.report(state, peer_id(1), true, std::nullopt, now));
  CHECK_FALSE(book.all_failed(both));
}

TEST_CASE("when a peer was first seen stays") {
  const auto state = state_with({.peers = 2});
  peers::book book;
  book.seen(state, now);
  book.seen(state, now + day);
  CHECK(book.candidates(state, now + 2 * day).front().first_seen == now);
}

TEST_CASE("the book survives a restart") {
  const temporary_folder folder;
  const auto file = folder.path / "peers.json";
  const auto state = state_with({.peers = 3});
  peers::book book;
  book.seen(state, now);
  REQUIRE(book.report(state, peer_id(1), false, std::nullopt, now));
  REQUIRE(book.report(state, peer_id(2), true, 41, now));
  REQUIRE(book.add(endpoints({"tcp://192.0.2.9:443", "udp://[2001:db8::9]:443"}), std::nullopt, now).has_value());
  REQUIRE(book.save(file).has_value());
  std::vector<std::string> complaints;
  const auto again = peers::book::load(file, complaints);
  CHECK(complaints.empty());
  CHECK(again.to_text() == book.to_text());
  CHECK(again.candidates(state, now).size() == 4);
}

TEST_CASE("a damaged book is set aside, said, and never blocks the start") {
  const temporary_folder folder;
  const auto file = folder.path / "peers.json";
  const auto state = state_with({.peers = 3});
  peers::book book;
  book.seen(state, now);
  REQUIRE(book.add(endpoints({"tcp://192.0.2.9:443"}), std::nullopt, now).has_value());
  const auto whole = book.to_text();
  const auto replaced = [&](std::string_view what, std::string_view with) {
    auto text = whole;
    const auto at = text.find(what);
    REQUIRE(at != text.npos);
    return text.replace(at, what.size(), with);
  };
  const std::pair<const char*, std::string> rows[] = {
      {"empty", ""},
      {"a zero page", std::string(4096, '\0')},
      {"not JSON", "peers"},
      {"another shape", "[]"},
      {"a later format", replaced("\"format\":1", "\"format\":2")},
      {"a negative count", replaced("\"failures\":0", "\"failures\":-1")},
      {"a number as text", replaced("\"failures\":0", "\"failures\":\"0\"")},
      {"a member lost", replaced("\"failures\":0,", "")},
      {"an id that is none", replaced(peer_id(0), "x")},
      {"an endpoint that is none", replaced("192.0.2.9", "192.0.2.999")},
      {"bytes after it", whole + "x"},
      {"larger than allowed", whole + std::string(peers::max_book_size, ' ')},
  };
  for (const auto& [name, text] : rows) {
    CAPTURE(name);
    std::ofstream(file, std::ios::trunc) << text;
    std::vector<std::string> complaints;
    CHECK(peers::book::load(file, complaints).to_text() == peers::book().to_text());
    REQUIRE(complaints.size() == 1);
    CHECK(complaints.front().find("set aside") != std::string::npos);
    CHECK_FALSE(fs::exists(file));
    CHECK(fs::file_size(folder.path / "peers.json.damaged") == text.size());
  }
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(peers::book::from_text(std::string_view(whole).substr(0, size)));
  }
}

TEST_CASE("no more peers are remembered than fit, and the latest stay") {
  std::string text = R"({"format":1,"peers":{)";
  for (std::size_t n = 0; n < peers::max_remembered; ++n)
    text +=
        fmt::format(R"({}"{}":{{"failures":0,"successes":0,"last_ok":0,"last_failed":0,"first_seen":{},"rtt_ms":0}})",
                    n == 0 ? "" : ",", peer_id(1000 + n), n + 1);
  text += R"(},"manual":[]})";
  auto book = peers::book::from_text(text);
  REQUIRE(book);
  const auto state = state_with({.peers = 3});
  book->seen(state, now);
  const auto after = book->to_text();
  CHECK(after.size() <= peers::max_book_size);
  REQUIRE(peers::book::from_text(after));
  CHECK(after.find(peer_id(0)) != after.npos);
  CHECK(after.find(peer_id(1002)) == after.npos);
  CHECK(after.find(peer_id(1003)) != after.npos);
}
