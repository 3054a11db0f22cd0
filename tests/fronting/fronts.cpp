// Which front is tried when, and whose fault an answer is.
#include "fronting/fronts.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace landfall;
using base::outcome;
using trust::document_type;

namespace {

std::vector<config::front> fronts(std::size_t count) {
  std::vector<config::front> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back({"front-" + std::to_string(i) + ".example", std::nullopt, 443});
  return out;
}

using indices = std::vector<std::size_t>;

} // namespace

TEST_CASE("fronts are tried from the start on, round the list, three at most, none that is avoided") {
  struct row {
    std::string name;
    std::size_t count, start;
    indices avoided, expected;
  };
  const row rows[] = {
      {"one", 1, 0, {}, {0}},
      {"one, any start", 1, 5, {}, {0}},
      {"all of three", 3, 1, {}, {1, 2, 0}},
      {"three of five", 5, 3, {}, {3, 4, 0}},
      {"a start beyond the end", 5, 5 * 7 + 2, {}, {2, 3, 4}},
      {"the largest start", 3, static_cast<std::size_t>(-1), {}, {0, 1, 2}},
      {"the first is avoided", 5, 3, {3}, {4, 0, 1}},
      {"all but one", 4, 0, {0, 1, 3}, {2}},
      {"all", 2, 0, {0, 1}, {}},
      {"none configured", 0, 3, {}, {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto all = fronts(row.count);
    const auto avoid = [&](const base::place& where) {
      const auto is = [&](std::size_t i) { return all[i].name == where.front; };
      return std::any_of(row.avoided.begin(), row.avoided.end(), is);
    };
    CHECK(fronting::rotation(all, row.start, avoid) == row.expected);
    if (row.avoided.empty()) CHECK(fronting::rotation(all, row.start, nullptr) == row.expected);
  }
}

TEST_CASE("what is known of a route's places without a look-up") {
  const auto named = *config::url::parse("https://hidden.example.org/7f3a9c/");
  const auto addressed = *config::url::parse("https://[2001:db8::1]:8443/7f3a9c/");
  CHECK(fronting::places_of(named, {}).empty());
  CHECK(fronting::places_of(addressed, {}) == std::vector<base::place>{{"2001:db8::1", 8443, ""}});
  const std::vector<config::front> two{{"a.example", std::nullopt, 443}, {"b.example", "203.0.113.7", 8443}};
  const std::vector<base::place> expected{{"", 443, "a.example"}, {"203.0.113.7", 8443, "b.example"}};
  CHECK(fronting::places_of(named, two) == expected);
  CHECK_MESSAGE(fronting::places_of(addressed, two) == expected, "the inner host is no place of ours");
}

TEST_CASE("an answer through a front is the front's own, or not") {
  struct row {
    int code;
    outcome to_list, to_root;
  };
  const auto own = outcome::front_refused, passed_on = outcome::http_status;
  const row rows[] = {
      {301, own, own},
      {302, own, own},
      {307, own, own},
      {400, own, own},
      {403, own, passed_on},
      {404, passed_on, passed_on},
      {405, passed_on, passed_on},
      {409, own, own},
      {410, passed_on, passed_on},
      {416, passed_on, passed_on},
      {421, own, own},
      {429, passed_on, passed_on},
      {451, own, own},
      {500, passed_on, passed_on},
      {502, passed_on, passed_on},
      {503, passed_on, passed_on},
      {504, passed_on, passed_on},
      {519, passed_on, passed_on},
      {520, own, own},
      {530, own, own},
      {531, passed_on, passed_on},
  };
  for (const auto& row : rows) {
    CAPTURE(row.code);
    const auto answered = base::fail(passed_on, "status", base::stage::body, row.code);
    CHECK(fronting::judged(answered, document_type::list).what == row.to_list);
    CHECK(fronting::judged(answered, document_type::root).what == row.to_root);
    CHECK(fronting::judged(answered, document_type::list).code == row.code);
  }
  CHECK(fronting::judged(base::fail(outcome::refused), document_type::list).what == outcome::refused);
}

TEST_CASE("a 200 that is no JSON object is the front's own page") {
  const auto stalled = base::fail(outcome::stalled_after_bytes), large = base::fail(outcome::too_large);
  struct row {
    std::string name;
    long status;
    std::string body, type;
    std::optional<base::failure> cut;
    bool own;
  };
  const row rows[] = {
      {"a document", 200, "{\"payload\"", "application/json", {}, false},
      {"a document with white space in front", 200, " \r\n\t{", "application/json", {}, false},
      {"a document of any type", 200, "{}", "text/html", {}, false},
      {"a page", 200, "<!doctype html>", "text/html", {}, true},
      {"a page that says it is JSON", 200, "\n<html>", "application/json", {}, true},
      {"text", 200, "OK", "text/plain", {}, true},
      {"nothing", 200, "", "", {}, true},
      {"white space", 200, "  ", "", {}, true},
      {"the beginning of a document", 200, "{\"p", "application/json", stalled, false},
      {"the beginning of a page", 200, "<htm", "text/html", stalled, true},
      {"nothing yet", 200, "", "application/json", stalled, false},
      {"a page announced as too large", 200, "", "text/html", large, true},
      {"a part of a document", 206, "yload", "application/json", {}, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    http::response answer;
    answer.status = row.status;
    answer.body = row.body;
    answer.content_type = row.type;
    answer.cut = row.cut;
    CHECK(fronting::is_own_page(answer) == row.own);
  }
}

TEST_CASE("another front is tried where it may do better") {
  using enum outcome;
  for (const auto what :
       {timed_out, refused, reset_after_hello, stalled_after_hello, tls_certificate, front_refused, http_status})
    CHECK(fronting::tries_another(what));
  for (const auto what : {cancelled, not_modified, clock_suspect, proxy_failed, captive_portal, offline, local_error})
    CHECK_FALSE(fronting::tries_another(what));
}
