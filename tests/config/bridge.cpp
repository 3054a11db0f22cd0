#include "base/file.hpp"
#include "config/bridge_file.hpp"
#include "config/bridge_line.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace landfall;
namespace fs = std::filesystem;

namespace {

const std::string cert = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMw";
const std::string first = "obfs4 192.0.2.10:4443 cert=" + cert + " iat-mode=0";
const std::string second = "webtunnel [2001:db8::10]:443 url=https://example.com/a";

struct temporary_folder {
  fs::path path = fs::temp_directory_path() / fmt::format("landfall-test-bridges-{}", ::getpid());
  temporary_folder() { fs::create_directories(path); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() { fs::remove_all(path); }
};

std::vector<std::string> texts(const std::vector<config::bridge_line>& lines) {
  std::vector<std::string> out;
  for (const auto& line : lines) out.push_back(line.reveal());
  return out;
}

} // namespace

TEST_CASE("bridge lines are taken in every form, and refused by token") {
  std::ifstream file(fs::path(LANDFALL_VECTORS) / "config/bridge_lines.txt");
  REQUIRE(file);
  int rows = 0;
  for (std::string row; std::getline(file, row);) {
    if (row.empty() || row.starts_with("#")) continue;
    ++rows;
    const auto one = row.find(" | "), two = row.find(" | ", one + 3);
    REQUIRE(two != row.npos);
    const auto name = row.substr(0, one), expected = row.substr(one + 3, two - one - 3), line = row.substr(two + 3);
    CAPTURE(name);
    const auto parsed = config::bridge_line::parse(line);
    if (expected.starts_with("=")) {
      if (!parsed) FAIL_CHECK(parsed.error().detail);
      if (!parsed) continue;
      CHECK(parsed->reveal() == (expected == "=" ? line : expected.substr(2)));
      CHECK(config::bridge_line::parse(parsed->reveal()).value() == *parsed);
    } else {
      CHECK_FALSE(parsed.has_value());
      if (parsed) continue;
      CAPTURE(parsed.error().detail);
      CHECK(parsed.error().detail.find(expected) != std::string::npos);
      CHECK(parsed.error().detail.find("192.0.2.10") == std::string::npos);
    }
  }
  CHECK(rows > 35);
}

TEST_CASE("arguments are as long as SOCKS can carry, counted with their escapes") {
  const auto line = [](std::size_t size, char c = 'x') { return "snowflake 192.0.2.3:80 k=" + std::string(size, c); };
  CHECK(config::bridge_line::parse(line(508)).has_value());
  const auto over = config::bridge_line::parse(line(509));
  REQUIRE_FALSE(over.has_value());
  CHECK(over.error().what == base::outcome::too_large);
  CHECK(over.error().detail.find("over-long bridge argument: 511 bytes") != std::string::npos);
  CHECK(config::bridge_line::parse(line(254, ';')).has_value());
  CHECK_FALSE(config::bridge_line::parse(line(255, ';')).has_value());
  CHECK(config::bridge_line::parse(std::string(3000, 'x')).error().what == base::outcome::too_large);
}

TEST_CASE("arguments are encoded as a pluggable transport takes them") {
  const auto line = config::bridge_line::parse(R"(snowflake 192.0.2.3:80 a=b=c;d\e f=)");
  REQUIRE(line.has_value());
  CHECK(line->encoded_arguments() == R"(a=b=c\;d\\e;f=)");
}

TEST_CASE("what finds a bridge does not print") {
  const auto line = config::bridge_line::parse(first);
  REQUIRE(line.has_value());
  CHECK(fmt::format("{}", line->fingerprint) == "[scrubbed]");
}

TEST_CASE("pasted text may be lines, URIs or what a QR code holds") {
  const std::tuple<const char*, std::string, std::vector<std::string>, std::vector<std::string>> rows[] = {
      {"one line", first, {first}, {}},
      {"lines with blanks, comments and CR", "# mine\r\n" + first + "\r\n\r\n  " + second + "\n", {first, second}, {}},
      {"one twice", first + "\nBridge " + first, {first}, {}},
      {"a URI among lines",
       first + "\nbridge://webtunnel@[2001:db8::10]:443?url=https://example.com/a",
       {first, second},
       {}},
      {"QR, Python's way", "['" + first + "', '" + second + "']", {first, second}, {}},
      {"QR, JSON's way", "[\"" + first + "\",\n \"" + second + "\"]\n", {first, second}, {}},
      {"QR, slashes escaped", R"(["webtunnel [2001:db8::10]:443 url=https:\/\/example.com\/a"])", {second}, {}},
      {"a bad line among good ones", first + "\nobfs4\n" + second, {first, second}, {"line 2: token 2"}},
      {"a bad entry in a QR text", "['obfs4', '" + first + "']", {first}, {"entry 1: token 2"}},
      {"a QR text cut short", "['" + first + "', 'obfs4", {}, {"line 1"}},
      {"a QR text without commas", "['" + first + "' '" + second + "']", {}, {"line 1"}},
      {"nothing", " \n", {}, {}},
      {"too much", std::string(config::max_pasted + 1, '\n'), {}, {"longer than"}},
      {"too many lines", std::string(300, '\n') + first, {}, {"more than 256 lines"}},
  };
  for (const auto& [name, text, lines, problems] : rows) {
    CAPTURE(name);
    const auto pasted = config::parse_pasted(text);
    CHECK(texts(pasted.lines) == lines);
    REQUIRE(pasted.problems.size() == problems.size());
    for (std::size_t i = 0; i < problems.size(); ++i) CHECK(pasted.problems[i].starts_with(problems[i]));
  }
}

TEST_CASE("kept bridges are added once, listed in order, removed by number and read back") {
  const temporary_folder folder;
  const auto path = folder.path / "bridges";
  std::vector<std::string> complaints;
  auto kept = config::bridge_file::load(path, complaints);
  CHECK(kept.lines().empty());
  CHECK(kept.add(config::bridge_line::parse(first).value()).value());
  CHECK_FALSE(kept.add(config::bridge_line::parse("Bridge " + first).value()).value());
  CHECK(kept.add(config::bridge_line::parse(second).value()).value());
  REQUIRE(kept.save(path).has_value());
  struct stat info{};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);

  auto again = config::bridge_file::load(path, complaints);
  CHECK(texts(again.lines()) == std::vector{first, second});
  CHECK_FALSE(again.remove(0));
  CHECK_FALSE(again.remove(3));
  CHECK(again.remove(1));
  REQUIRE(again.save(path).has_value());
  CHECK(texts(config::bridge_file::load(path, complaints).lines()) == std::vector{second});
  CHECK(complaints.empty());
}

TEST_CASE("damaged lines are reported and skipped, and the file is set aside before it is replaced") {
  const temporary_folder folder;
  const auto path = folder.path / "bridges";
  const std::string damaged = first + "\nobfs4 192.0.2\n" + second + "\n";
  std::ofstream(path) << damaged;
  std::vector<std::string> complaints;
  auto kept = config::bridge_file::load(path, complaints);
  CHECK(texts(kept.lines()) == std::vector{first, second});
  REQUIRE(complaints.size() == 1);
  CHECK(complaints.front().starts_with("bridges: line 2: token 2"));
  REQUIRE(kept.save(path).has_value());
  CHECK(base::read_file(path, 1 << 16).value() == first + "\n" + second + "\n");
  CHECK(base::read_file(folder.path / "bridges.damaged", 1 << 16).value() == damaged);
}

TEST_CASE("a file of bridges that is huge, or no file, gives none and says so") {
  const temporary_folder folder;
  const auto path = folder.path / "bridges";
  std::vector<std::string> complaints;
  std::ofstream(path) << std::string(config::max_pasted + 1, 'x');
  CHECK(config::bridge_file::load(path, complaints).lines().empty());
  CHECK(complaints.size() == 1);
  fs::remove(path);
  fs::create_directory(path);
  CHECK(config::bridge_file::load(path, complaints).lines().empty());
  CHECK(complaints.size() == 2);
}

TEST_CASE("no more bridges are kept than 64") {
  config::bridge_file kept;
  const auto line = [](std::size_t n) {
    return config::bridge_line::parse(fmt::format("192.0.2.1:{}", n + 1)).value();
  };
  for (std::size_t n = 0; n < config::max_kept_bridges; ++n) CHECK(kept.add(line(n)).value());
  CHECK(kept.add(line(100)).error().what == base::outcome::too_large);
}
