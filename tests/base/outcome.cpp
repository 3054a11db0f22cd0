#include "base/outcome.hpp"

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/sensitive.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace landfall::base;
using namespace std::chrono_literals;

TEST_CASE("every outcome has a name of its own that reads back") {
  std::set<std::string_view> names;
  for (int i = 0; i < outcome_count; ++i) {
    const auto value = static_cast<outcome>(i);
    CHECK(names.insert(name(value)).second);
    CHECK(outcome_of(name(value)) == value);
    CHECK_FALSE(explain(value).empty());
  }
  CHECK_FALSE(outcome_of("no_such_outcome"));
}

TEST_CASE("the table of what happens next") {
  struct row {
    outcome what;
    penalty_scope scope;
    std::chrono::seconds retry;
    bool backoff;
  };
  const row rows[] = {
      {outcome::timed_out, penalty_scope::address, 180s, false},
      {outcome::reset_after_hello, penalty_scope::address, 180s, false},
      {outcome::reset_before_hello, penalty_scope::address_and_port, 180s, false},
      {outcome::refused, penalty_scope::route, 1s, true},
      {outcome::http_status, penalty_scope::route, 1s, true},
      {outcome::front_refused, penalty_scope::front, 24h, false},
      {outcome::tls_certificate, penalty_scope::route_on_network, 1h, false},
      {outcome::below_threshold, penalty_scope::route, 24h, false},
      {outcome::rolled_back, penalty_scope::route, 24h, false},
      {outcome::malformed, penalty_scope::route, 1h, false},
      {outcome::cancelled, penalty_scope::nobody, 0s, false},
      {outcome::equivocation, penalty_scope::nobody, 0s, false},
      {outcome::stalled_after_bytes, penalty_scope::nobody, 0s, false},
      {outcome::local_error, penalty_scope::nobody, 0s, false},
  };
  for (const auto& row : rows) {
    CAPTURE(name(row.what));
    CHECK(policy_of(row.what).penalised == row.scope);
    CHECK(policy_of(row.what).retry == row.retry);
    CHECK(policy_of(row.what).backoff == row.backoff);
  }
}

TEST_CASE("a failure reads as stage, class, words") {
  CHECK(to_string(fail(outcome::below_threshold, "1 of 2 signatures is valid", stage::verify)) ==
        "verify: below_threshold: 1 of 2 signatures is valid");
  CHECK(to_string(fail(outcome::http_status, "", stage::request, 404)) ==
        "request: http_status 404: the server did not answer with the document");
}

TEST_CASE("what is sensitive does not print") {
  const sensitive<std::string> name("bridge.example");
  CHECK(fmt::format("{}", name) == "[scrubbed]");
  unsafe_logging(true);
  CHECK(fmt::format("{}", name) == "bridge.example");
  unsafe_logging(false);
}

TEST_CASE("nothing from outside can forge a line on a terminal") {
  CHECK(printable("a\nlandfall: forged\x1b[2J") == "a?landfall: forged?[2J");
  CHECK(printable(std::string(300, 'x')).size() == 203);
}
