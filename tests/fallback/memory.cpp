// What is remembered: odds that fade, bounds, and what of it survives a restart, a damaged file and a clock that steps.
#include "fallback/memory.hpp"

#include <doctest/doctest.h>

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using fallback::network_memory;

namespace {

constexpr base::unix_time now = 1'795'132'800;
constexpr base::unix_time hour = 3600, day = 24 * hour;

struct folder {
  folder() : path((std::filesystem::temp_directory_path() / "landfall-test.XXXXXX").string()) {
    REQUIRE(::mkdtemp(path.data()));
  }
  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return std::filesystem::path(path) / name; }
  std::string path;
};

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

fallback::route route(std::string name = "r") {
  fallback::route out;
  out.name = std::move(name);
  out.kind = "https";
  out.group = "hidden.example.org";
  out.places = {{"198.51.100.7", 443, "cdn-a.example.com"}};
  return out;
}

fallback::lane_report report(outcome what, std::chrono::milliseconds after = 300ms) {
  fallback::lane_report out;
  out.route = "r";
  out.outcome = what;
  out.elapsed = after;
  if (what == outcome::won || what == outcome::verified_same) out.tier = trust::tier::a;
  return out;
}

network_memory fresh() { return network_memory(base::secret(std::string(fallback::memory_secret_size, 'k'))); }

network_memory with(std::initializer_list<outcome> happened) {
  auto out = fresh();
  for (const auto what : happened) out.record(out.network_of("home"), route(), report(what), now, 0.5);
  return out;
}

} // namespace

TEST_CASE("odds begin even, move with what happens, and fade back") {
  struct row {
    const char* name;
    std::initializer_list<outcome> happened;
    base::unix_time later;
    double least, most;
    bool proven;
  };
  using enum outcome;
  const row rows[] = {
      {"nothing is known", {}, 0, 0.5, 0.5, false},
      {"a win", {won}, 0, 0.66, 0.67, true},
      {"a win of yesterday", {won}, day, 0.59, 0.61, true},
      {"a win of last week proves nothing", {won}, 7 * day, 0.5, 0.51, false},
      {"a failure", {refused}, 0, 0.33, 0.34, false},
      {"three failures of three classes", {refused, timed_out, reset_after_hello}, 0, 0.19, 0.21, false},
      {"a failure of last week", {refused}, 7 * day, 0.49, 0.5, false},
      {"a win and a failure", {won, refused}, 0, 0.5, 0.5, false},
      {"many wins and a failure", {won, won, won, refused}, 0, 0.66, 0.67, true},
      {"what says nothing", {cancelled, offline, captive_portal, local_error}, 0, 0.5, 0.5, false},
      {"a lagging cache is neither", {verified_but_older}, 0, 0.5, 0.5, false},
      {"nothing newer is neither", {not_modified}, 0, 0.5, 0.5, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto memory = with(row.happened);
    const auto odds = memory.odds_of(memory.network_of("home"), route(), now + row.later);
    CHECK(odds.of_winning() >= row.least);
    CHECK(odds.of_winning() <= row.most);
    CHECK(odds.proven() == row.proven);
    CHECK(memory.odds_of(memory.network_of("work"), route(), now).of_winning() == 0.5);
  }
}

TEST_CASE("failures are remembered by class, and the last end with its time") {
  const auto memory = with({outcome::refused, outcome::timed_out, outcome::timed_out, outcome::cancelled});
  const auto* record = memory.record_of(memory.network_of("home"), route());
  REQUIRE(record);
  CHECK(record->failures.at(outcome::timed_out) == 2);
  CHECK(record->failures.at(outcome::refused) == 1);
  CHECK(record->last == outcome::timed_out);
  CHECK(record->at == now);
}

TEST_CASE("the time to a list is a median that outliers do not move, and how far the others are from it") {
  auto memory = fresh();
  const auto home = memory.network_of("home");
  CHECK_FALSE(memory.odds_of(home, route(), now).median_ms);
  for (const auto ms : {9000ms, 300ms, 320ms, 340ms, 280ms, 29000ms, 310ms, 330ms, 290ms, 305ms})
    memory.record(home, route(), report(outcome::won, ms), now, 0.5);
  const auto odds = memory.odds_of(home, route(), now);
  CHECK(odds.median_ms == 310);
  CHECK(odds.spread_ms == 20);
  CHECK(memory.record_of(home, route())->times.size() == fallback::max_times);
}

TEST_CASE("networks and routes are bounded; those used last stay") {
  auto memory = fresh();
  const auto name = [](std::size_t i) { return "network " + std::to_string(i); };
  for (std::size_t i = 0; i <= fallback::max_networks; ++i)
    memory.record(memory.network_of(name(i)), route(), report(outcome::won), now + static_cast<base::unix_time>(i),
                  0.5);
  CHECK_FALSE(memory.record_of(memory.network_of(name(0)), route()));
  CHECK(memory.record_of(memory.network_of(name(1)), route()));
  const auto last = memory.network_of(name(fallback::max_networks));
  for (std::size_t i = 0; i < fallback::max_routes_of_a_network; ++i)
    memory.record(last, route("route " + std::to_string(i)), report(outcome::won),
                  now + 100 + static_cast<base::unix_time>(i), 0.5);
  CHECK_FALSE(memory.record_of(last, route()));
  CHECK(memory.record_of(last, route("route 0")));
  auto back = fresh();
  CHECK(back.from_text(memory.to_text(), now + 1000));
}

TEST_CASE("the memory survives a restart as it was, and nothing readable is in it") {
  auto memory = with({outcome::won, outcome::won, outcome::refused, outcome::timed_out});
  memory.record(memory.network_of("work"), route("drei \"ü\" \n"), report(outcome::rolled_back), now + 10, 0.3);
  const auto text = memory.to_text();
  auto back = fresh();
  REQUIRE(back.from_text(text, now + 10));
  CHECK(back.to_text() == text);
  CHECK(back.waits(back.network_of("home"), route(), now) == memory.waits(memory.network_of("home"), route(), now));
  for (const auto* word : {"home", "\"work", "drei", "198.51", "cdn", "hidden", "https"})
    CHECK_MESSAGE(text.find(word) == std::string::npos, word);
}

TEST_CASE("from the future: times are clamped, whatever clock wrote them") {
  auto memory = fresh();
  const auto home = memory.network_of("home"), other = memory.network_of("other");
  const auto later = now + 10 * 365 * day;
  memory.record(home, route(), report(outcome::won), later, 0.5);
  memory.record(other, route("forger"), report(outcome::below_threshold), later, 0.5);
  auto back = fresh();
  REQUIRE(back.from_text(memory.to_text(), now));
  CHECK(back.record_of(home, route())->at == now);
  CHECK(back.odds_of(home, route(), now).proven());
  REQUIRE(back.waits(other, route("forger"), now));
  CHECK(back.waits(other, route("forger"), now)->until == now + day);
  memory.cap(now); // the clock was set back while we ran
  CHECK(memory.waits(other, route("forger"), now)->until == now + day);
}

TEST_CASE("ten years later nothing waits, and the odds are even again") {
  const auto memory = with({outcome::won, outcome::below_threshold});
  const auto later = now + 10 * 365 * day;
  CHECK_FALSE(memory.waits(memory.network_of("home"), route(), later));
  CHECK(memory.odds_of(memory.network_of("home"), route(), later).of_winning() == doctest::Approx(0.5));
}

TEST_CASE("a damaged text is no memory, and changes none") {
  const std::string key = "00112233445566778899aabbccddeeff";
  const auto good = R"({"spec":1,"penalties":{")" + key +
                    R"(":{"until":9,"why":"refused","on":1,"failures":1}},"networks":{")" + key +
                    R"(":{"at":8,"routes":{")" + key +
                    R"(":{"at":7,"last":"won","wins":6,"failures":{"refused":5},"times":[4]}}}}})";
  REQUIRE(fresh().from_text(good, now));
  struct row {
    const char *name, *what, *with;
  };
  const row rows[] = {
      {"cut short", "]}}}}}", "]}}}}"},
      {"another spec", "\"spec\":1", "\"spec\":2"},
      {"no spec", "\"spec\":1,", ""},
      {"a fraction", "\"until\":9", "\"until\":9.5"},
      {"text for a number", "\"until\":9", "\"until\":\"9\""},
      {"before the epoch", "\"until\":9", "\"until\":-9"},
      {"a member missing", "\"times\"", "\"tired\""},
      {"an unknown outcome", "\"why\":\"refused\"", "\"why\":\"tired\""},
      {"an unknown class of failure", "{\"refused\":5}", "{\"tired\":5}"},
      {"a scope that is none", "\"on\":1", "\"on\":6"},
      {"no failures", "\"failures\":1", "\"failures\":0"},
      {"more failures than an int holds", "\"failures\":1", "\"failures\":4294967297"},
      {"a negative weight", "\"wins\":6", "\"wins\":-6"},
      {"a negative weight of a class", "{\"refused\":5}", "{\"refused\":-5}"},
      {"a negative time", "[4]", "[-4]"},
      {"a time beyond an hour", "[4]", "[3600001]"},
      {"too many times", "[4]", "[4,4,4,4,4,4,4,4,4,4]"},
      {"a name twice", "\"wins\":6", "\"wins\":6,\"wins\":6"},
      {"a key that is no hash", "{\"00112233445566778899aabbccddeeff\":{\"until\"", "{\"home\":{\"until\""},
      {"routes as an array", "\"routes\":{", "\"routes\":[{"},
      {"bytes behind", "]}}}}}", "]}}}}}x"},
  };
  auto memory = with({outcome::won});
  const auto before = memory.to_text();
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto text = good;
    REQUIRE(text.find(row.what) != std::string::npos);
    text.replace(text.find(row.what), std::string_view(row.what).size(), row.with);
    CHECK_FALSE(memory.from_text(text, now));
  }
  CHECK_FALSE(memory.from_text("", now));
  CHECK_FALSE(memory.from_text(std::string(fallback::max_memory_text + 1, ' '), now));
  CHECK(memory.to_text() == before);
}

TEST_CASE("the files: none is nothing, damaged ones are set aside and told, good ones come back, all 0600") {
  const folder state;
  std::vector<std::string> complaints;
  {
    auto memory = network_memory::load(state.path, now, complaints);
    CHECK(complaints.empty());
    memory.record(memory.network_of("home"), route(), report(outcome::tls_certificate), now, 0.5);
    REQUIRE(memory.save(state.path).has_value());
  }
  for (const auto* name : {"memory.key", "memory.json"}) {
    struct ::stat seen{};
    REQUIRE(::stat((state / name).c_str(), &seen) == 0);
    CHECK((seen.st_mode & 0777) == 0600);
  }
  const auto again = network_memory::load(state.path, now, complaints);
  CHECK(again.waits(again.network_of("home"), route(), now));
  CHECK(complaints.empty());

  std::ofstream(state / "memory.json") << "{\"spec\":1,";
  const auto damaged = network_memory::load(state.path, now, complaints);
  CHECK_FALSE(damaged.waits(damaged.network_of("home"), route(), now));
  CHECK(damaged.network_of("home") == again.network_of("home"));
  REQUIRE(complaints.size() == 1);
  CHECK(complaints[0].find("set aside") == 0);
  CHECK(std::filesystem::exists(state / "memory.json.damaged"));

  std::ofstream(state / "memory.key") << "short";
  const auto rekeyed = network_memory::load(state.path, now, complaints);
  CHECK(complaints.size() == 2);
  CHECK(rekeyed.network_of("home") != again.network_of("home"));
  CHECK(content(state / "memory.key").size() == fallback::memory_secret_size);
}

TEST_CASE("the memory of an earlier version, which named routes, is removed") {
  const folder state;
  std::ofstream(state / "fallback.json") << R"({"spec":1,"routes":{"hidden":{}}})";
  std::vector<std::string> complaints;
  (void)network_memory::load(state.path, now, complaints);
  CHECK(complaints.empty());
  CHECK_FALSE(std::filesystem::exists(state / "fallback.json"));
}

TEST_CASE("a folder that cannot be written: the key holds until the end, and saving says so") {
  const folder state;
  std::ofstream(state / "file") << "x";
  const auto below = std::filesystem::path(state.path) / "file" / "state"; // root too can make nothing there
  std::vector<std::string> complaints;
  auto memory = network_memory::load(below, now, complaints);
  memory.record(memory.network_of("home"), route(), report(outcome::timed_out), now, 0.5);
  CHECK(memory.waits(memory.network_of("home"), route(), now));
  const auto saved = memory.save(below);
  REQUIRE_FALSE(saved.has_value());
  CHECK(saved.error().what == outcome::local_error);
}
