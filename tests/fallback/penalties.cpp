// Who waits until when, and what of it survives a restart, a damaged file and a clock that steps.
#include "fallback/penalties.hpp"

#include <doctest/doctest.h>

#include <stdlib.h>

#include <filesystem>
#include <fstream>

using namespace landfall;
using base::outcome;
using fallback::penalties;

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
  std::string path;
};

fallback::lane_report report(outcome what, std::string route = "r") {
  fallback::lane_report out;
  out.route = std::move(route);
  out.outcome = what;
  if (what == outcome::won || what == outcome::verified_same) out.tier = trust::tier::a;
  return out;
}

base::unix_time wait_after(outcome what) {
  penalties memory;
  memory.record(report(what), now, 0.999);
  const auto* route = memory.of("r");
  return route ? route->until - now : -1;
}

} // namespace

TEST_CASE("each class of failure waits as the policy says") {
  struct row {
    outcome what;
    base::unix_time wait;
  };
  const row rows[] = {
      {outcome::timed_out, 180},
      {outcome::stalled_after_hello, 180},
      {outcome::reset_after_hello, 180},
      {outcome::reset_before_hello, 180},
      {outcome::refused, 1},
      {outcome::unreachable, 1},
      {outcome::http_status, 1},
      {outcome::clock_suspect, 1},
      {outcome::front_refused, day},
      {outcome::tls_certificate, hour},
      {outcome::below_threshold, day},
      {outcome::bad_root, day},
      {outcome::rolled_back, day},
      {outcome::wrong_network, day},
      {outcome::wrong_channel, day},
      {outcome::too_large, hour},
      {outcome::malformed, hour},
  };
  for (const auto& row : rows) {
    CAPTURE(base::name(row.what));
    CHECK(wait_after(row.what) == row.wait);
  }
}

TEST_CASE("who is not to blame does not wait") {
  for (const auto what :
       {outcome::won, outcome::verified_same, outcome::verified_but_older, outcome::not_modified, outcome::equivocation,
        outcome::offline, outcome::captive_portal, outcome::local_error, outcome::stalled_after_bytes}) {
    CAPTURE(base::name(what));
    penalties memory;
    memory.record(report(what), now, 0.5);
    CHECK_FALSE(memory.penalised("r", now));
    REQUIRE(memory.of("r"));
    CHECK(memory.of("r")->last == what);
  }
}

TEST_CASE("a lane that we cancelled leaves no trace") {
  penalties memory;
  memory.record(report(outcome::cancelled), now, 0.5);
  CHECK_FALSE(memory.of("r"));
  memory.record(report(outcome::timed_out), now, 0.5);
  const auto before = *memory.of("r");
  memory.record(report(outcome::cancelled), now + 10, 0.5);
  CHECK(*memory.of("r") == before);
}

TEST_CASE("the backoff doubles per failure in a row up to a minute, its upper half jittered") {
  const base::unix_time longest[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
  penalties late, early;
  for (const auto wait : longest) {
    CAPTURE(wait);
    late.record(report(outcome::refused), now, 0.999999);
    early.record(report(outcome::refused), now, 0);
    CHECK(late.of("r")->until - now == wait);
    CHECK(early.of("r")->until - now == (wait + 1) / 2);
  }
  CHECK(late.of("r")->failures == 9);
}

TEST_CASE("a success clears what was there, and only a fresh list counts as a win") {
  struct row {
    const char* name;
    outcome what;
    std::optional<trust::tier> tier;
    std::int64_t wins;
  };
  const row rows[] = {
      {"a fresh list", outcome::won, trust::tier::a, 1},
      {"the fresh list that we hold", outcome::verified_same, trust::tier::a, 1},
      {"the old list that we hold", outcome::verified_same, trust::tier::b, 0},
      {"a lagging cache", outcome::verified_but_older, trust::tier::a, 0},
      {"a poll that found nothing new", outcome::not_modified, std::nullopt, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    penalties memory;
    memory.record(report(outcome::below_threshold), now, 0.5);
    CHECK(memory.penalised("r", now + day - 1));
    auto success = report(row.what);
    success.tier = row.tier;
    memory.record(success, now + 1, 0.5);
    CHECK_FALSE(memory.penalised("r", now + 1));
    CHECK(memory.of("r")->failures == 0);
    CHECK(memory.of("r")->wins == row.wins);
    CHECK(memory.of("r")->tries == 2);
  }
}

TEST_CASE("a penalty ends at its moment, and is one route's alone") {
  penalties memory;
  memory.record(report(outcome::timed_out, "a"), now, 0.5);
  CHECK(memory.penalised("a", now + 179));
  CHECK_FALSE(memory.penalised("a", now + 180));
  CHECK_FALSE(memory.penalised("b", now));
}

TEST_CASE("the memory survives a restart as it was") {
  penalties memory;
  memory.record(report(outcome::refused, "one"), now, 0.3);
  memory.record(report(outcome::won, "two"), now, 0.3);
  memory.record(report(outcome::rolled_back, "drei \"ü\" \n"), now, 0.3);
  const auto back = penalties::from_text(memory.to_text(), now);
  REQUIRE(back);
  for (const auto* route : {"one", "two", "drei \"ü\" \n"}) CHECK(*back->of(route) == *memory.of(route));
  CHECK(back->to_text() == memory.to_text());
}

TEST_CASE("after the clock was set back nothing waits longer than the longest penalty") {
  penalties memory;
  memory.record(report(outcome::below_threshold), now + 10 * 365 * day, 0.5);
  const auto back = penalties::from_text(memory.to_text(), now);
  REQUIRE(back);
  CHECK(back->of("r")->until == now + day);
  CHECK(back->of("r")->last_at == now);

  memory.cap(now); // the clock was set back while we ran
  CHECK(memory.of("r")->until == now + day);
}

TEST_CASE("it remembers a bounded number of routes, those tried last") {
  penalties memory;
  for (std::size_t i = 0; i <= fallback::max_remembered_routes; ++i)
    memory.record(report(outcome::timed_out, "route-" + std::to_string(i)), now + static_cast<base::unix_time>(i), 0.5);
  CHECK_FALSE(memory.of("route-0"));
  CHECK(memory.of("route-1"));
  CHECK(memory.of("route-512"));
  const auto back = penalties::from_text(memory.to_text(), now);
  CHECK(back);

  memory.record(report(outcome::timed_out, std::string(fallback::max_route_name + 1, 'x')), now, 0.5);
  CHECK_FALSE(memory.of(std::string(fallback::max_route_name + 1, 'x')));
}

TEST_CASE("a damaged text is no memory") {
  const std::string good =
      R"({"spec":1,"routes":{"r":{"until":9,"failures":1,"last":"refused","last_at":8,"wins":0,"tries":1}}})";
  REQUIRE(penalties::from_text(good, now));
  struct row {
    const char *name, *what, *with;
  };
  const row rows[] = {
      {"cut short", "}}}", "}}"},
      {"another spec", "\"spec\":1", "\"spec\":2"},
      {"no spec", "\"spec\":1,", ""},
      {"a fraction", "\"until\":9", "\"until\":9.5"},
      {"text for a number", "\"until\":9", "\"until\":\"9\""},
      {"a member missing", "\"tries\":1", "\"tired\":1"},
      {"an unknown outcome", "refused", "tired"},
      {"negative failures", "\"failures\":1", "\"failures\":-1"},
      {"more failures than an int holds", "\"failures\":1", "\"failures\":4294967297"},
      {"more wins than tries", "\"wins\":0", "\"wins\":2"},
      {"negative wins", "\"wins\":0", "\"wins\":-1"},
      {"a name twice", "\"wins\":0", "\"wins\":0,\"wins\":0"},
      {"a route without a name", "\"r\"", "\"\""},
      {"routes as an array", "{\"r\":", "[{\"r\":"},
      {"bytes behind", "}}}", "}}}x"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto text = good;
    REQUIRE(text.find(row.what) != std::string::npos);
    text.replace(text.find(row.what), std::string_view(row.what).size(), row.with);
    CHECK_FALSE(penalties::from_text(text, now));
  }
  CHECK_FALSE(penalties::from_text("", now));
  CHECK_FALSE(penalties::from_text(std::string(fallback::max_memory_text + 1, ' '), now));
}

TEST_CASE("the file: none is nothing, a damaged one is set aside and told, a good one comes back") {
  const folder state;
  const auto file = std::filesystem::path(state.path) / "fallback.json";
  std::vector<std::string> complaints;
  CHECK(penalties::load(file, now, complaints).to_text() == penalties().to_text());
  CHECK(complaints.empty());

  penalties memory;
  memory.record(report(outcome::timed_out), now, 0.5);
  REQUIRE(memory.save(file).has_value());
  CHECK(penalties::load(file, now, complaints).penalised("r", now));
  CHECK(complaints.empty());

  std::ofstream(file) << "{\"spec\":1,";
  CHECK_FALSE(penalties::load(file, now, complaints).of("r"));
  REQUIRE(complaints.size() == 1);
  CHECK(complaints[0].find("set aside") == 0);
  CHECK_FALSE(std::filesystem::exists(file));
  CHECK(std::filesystem::exists(file.string() + ".damaged"));
}
