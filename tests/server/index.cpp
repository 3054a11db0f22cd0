#include "server/index.hpp"

#include "server/library.hpp"
#include "tests/server/samples.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace landfall;
using server::samples::envelope;
using server::samples::folder;
using server::samples::list_payload;
using trust::document_type;

namespace {
std::set<std::string> paths(const server::catalogue& entries) {
  std::set<std::string> out;
  for (const auto& [path, entry] : entries) out.insert(path);
  return out;
}

std::string live_payload() {
  return fmt::format(
      R"({{"type":"livelist","spec":1,"network":"net","server":"{:064x}","bucket":0,"seq":1795132800000,)"
      R"("issued":1795132800,"expires":1795133400,"peers":[]}})",
      1);
}

/// In a live list the envelope carries the server's key as well.
std::string live_envelope() {
  auto out = envelope(document_type::live, live_payload());
  out.back() = ',';
  return out + fmt::format(R"("pk":"{}"}})", base::to_base64(std::string(1984, 'k')));
}
} // namespace

TEST_CASE("a bad file is told and left out, and the rest is served") {
  const folder documents;
  documents.write("v1/net/public-0/list", envelope(document_type::list, list_payload()));
  documents.write("v1/net/small-0/list", envelope(document_type::list, list_payload("net", "small-0")));
  documents.write("v1/net/broken-0/list", "not a document");
  documents.write("v1/net/root/1", envelope(document_type::list, list_payload()));
  documents.write("README", "for people");
  documents.write("v1/net/public-0/.list.Xa81bc", "being written");
  documents.write(".git/HEAD", "hidden");
  const auto read = server::read_documents(documents.path());
  REQUIRE(read.has_value());
  CHECK(paths(read->entries) == std::set<std::string>{"v1/net/public-0/list", "v1/net/small-0/list"});
  std::set<std::string> told;
  for (const auto& bad : read->bad) told.insert(bad.name);
  CHECK(told == std::set<std::string>{"README", "v1/net/broken-0/list", "v1/net/root/1"});
}

TEST_CASE("a live list is served with and without its bucket") {
  const folder documents;
  documents.write("v1/net/live/0", live_envelope());
  const auto read = server::read_documents(documents.path());
  REQUIRE(read.has_value());
  for (const auto& bad : read->bad) FAIL(bad.why);
  REQUIRE(paths(read->entries) == std::set<std::string>{"v1/net/live", "v1/net/live/0"});
  CHECK(read->entries.at("v1/net/live") == read->entries.at("v1/net/live/0"));
  CHECK(read->entries.at("v1/net/live")->caching == "no-store, no-transform");
}

TEST_CASE("a decoy's paths are those that a browser asks for") {
  const folder site;
  site.write("index.html", "<h1>home</h1>");
  site.write("blog/index.html", "<h1>blog</h1>");
  site.write("blog/a b & c.css", "p {}");
  site.write(".well-known/security.txt", "Contact: x");
  site.write(".htpasswd", "x");
  const auto read = server::read_decoy(site.path());
  REQUIRE(read.has_value());
  CHECK(paths(read->entries) == std::set<std::string>{"/", "/index.html", "/blog/", "/blog/index.html",
                                                      "/blog/a%20b%20%26%20c.css", "/.well-known/security.txt"});
  CHECK(read->entries.at("/")->type == "text/html");
  CHECK(read->entries.at("/blog/a%20b%20%26%20c.css")->type == "text/css");
}

TEST_CASE("links to folders are not followed, links to files are") {
  const folder site, outside;
  outside.write("secret.txt", "from outside");
  site.write("index.html", "home");
  std::filesystem::create_directory_symlink(outside.path(), site.path() / "out");
  std::filesystem::create_directory_symlink(site.path(), site.path() / "loop");
  std::filesystem::create_symlink(outside.path() / "secret.txt", site.path() / "linked.txt");
  const auto read = server::read_decoy(site.path());
  REQUIRE(read.has_value());
  CHECK(paths(read->entries) == std::set<std::string>{"/", "/index.html", "/linked.txt"});
}

TEST_CASE("a folder's stamp changes with whatever changes in it") {
  const folder site;
  site.write("a", "1");
  const auto stamp = [&site] {
    auto read = server::stamp_of(site.path());
    REQUIRE(read.has_value());
    return *read;
  };
  const auto first = stamp();
  CHECK(stamp() == first);
  site.write("a", "2");
  const auto replaced = stamp();
  CHECK(replaced != first);
  site.write("b/c", "3");
  const auto added = stamp();
  CHECK(added != replaced);
  std::filesystem::remove(site.path() / "a");
  CHECK(stamp() != added);
}

TEST_CASE("the library renews what changed and keeps what it has when a folder goes away") {
  const folder documents, site;
  documents.write("v1/net/public-0/list", envelope(document_type::list, list_payload()));
  site.write("index.html", "one");
  auto library = server::library::open(documents.path(), site.path());
  REQUIRE(library.has_value());
  const auto first = library->now();
  library->refresh(false);
  CHECK(library->now() == first);

  documents.write("v1/net/public-0/list", envelope(document_type::list, list_payload("net", "public-0", 8)));
  library->refresh(false);
  const auto second = library->now();
  CHECK(second->documents.at("v1/net/public-0/list")->tag != first->documents.at("v1/net/public-0/list")->tag);
  CHECK(second->decoy.at("/") == first->decoy.at("/")); // shared, not read again

  std::filesystem::remove_all(documents.path());
  library->refresh(false);
  CHECK(library->now()->documents.size() == 1);
}

TEST_CASE("a folder that is named and not there is an error at start") {
  const folder here;
  const auto opened = server::library::open(here.path() / "nothing", std::nullopt);
  REQUIRE(!opened.has_value());
  CHECK(opened.error().what == base::outcome::local_error);
  CHECK(server::library::open(std::nullopt, std::nullopt).has_value());
}
