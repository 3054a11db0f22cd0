// One lane: what it asks for, how it follows the root chain, when it blames the route, and that it always ends.
#include "world.hpp"

using namespace landfall;
using namespace landfall::fakes;
using base::outcome;
using base::stage;
using fallback::run_lane;

namespace {

lane_report run_one(sidecar& s, const std::shared_ptr<server>& from, fallback::lane_task task = {},
                    std::chrono::milliseconds whole = 30s) {
  return run(run_lane(route_to(from, "r"), s.lane(), std::move(task), whole, nullptr));
}

/// Root N whose list keys are "list N a" and "list N b", signed by root keys as the last one.
root_options rotated(std::int64_t version) {
  root_options out;
  out.version = version;
  const auto n = "list " + std::to_string(version) + " ";
  out.list_keys = {n + "a", n + "b"};
  return out;
}
list_options list_by_root(std::int64_t version) {
  list_options out;
  out.version = 10;
  out.root_version = version;
  out.signers = rotated(version).list_keys;
  return out;
}

struct asked_for {
  trust::document_type type;
  std::int64_t root;
};
void check_asked(const server& from, const std::vector<asked_for>& expected) {
  REQUIRE(from.asked.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(from.asked[i].type == expected[i].type);
    CHECK(from.asked[i].root_version == expected[i].root);
  }
}
constexpr asked_for the_list{trust::document_type::list, 0};
constexpr asked_for root_number(std::int64_t n) { return {trust::document_type::root, n}; }

} // namespace

TEST_CASE("a fresh list is fetched, verified and adopted; nothing else is asked for") {
  sidecar s;
  const auto from = s.serving(s.publisher_.list());
  const auto report = run_one(s, from);
  CHECK(report.outcome == outcome::won);
  CHECK(report.stage == stage::verify);
  CHECK(report.error == "");
  CHECK(report.adopted);
  CHECK(report.tier == trust::tier::a);
  CHECK(report.kind == "https");
  CHECK(s.state.tier(now) == trust::tier::a);
  check_asked(*from, {the_list});
  CHECK_FALSE(from->asked[0].unless);
  CHECK(from->asked[0].now == now);
  CHECK(s.watch.count("adopted") == 1);
  CHECK(s.watch.count("event list_adopted r") == 1);
}

TEST_CASE("TLS is judged by known time, not by a wall clock that lags behind") {
  sidecar s;
  s.clock.set_wall(0); // 1970
  const auto from = s.serving(s.publisher_.list());
  (void)run_one(s, from);
  CHECK(from->asked[0].now == root_options{}.issued);
}

TEST_CASE("the root chain 1 to 3 is followed inside the lane, and then the list is judged again") {
  sidecar s;
  const auto& p = s.publisher_;
  const auto from = s.serving(p.list(list_by_root(3)), {p.root(rotated(2)), p.root(rotated(3))});
  const auto report = run_one(s, from);
  CHECK(report.outcome == outcome::won);
  CHECK(s.state.root()->version == 3);
  check_asked(*from, {the_list, root_number(2), root_number(3), root_number(4)});
  CHECK(s.watch.count("event root_adopted r") == 2);
}

TEST_CASE("a list that names a newer root makes the lane fetch it, though its keys are known") {
  sidecar s;
  const auto& p = s.publisher_;
  root_options second;
  second.version = 2;
  const auto report = run_one(s, s.serving(p.list({.root_version = 2}), {p.root(second)}));
  CHECK(report.outcome == outcome::won);
  CHECK(s.state.root()->version == 2);
}

TEST_CASE("the list is blamed only after the chain was followed to its end") {
  struct row {
    const char* name;
    std::function<server::answer(const document_request&)> root;
    outcome ends;
    std::size_t requests;
  };
  const auto status = [](int code) {
    return [code](const document_request&) -> server::answer {
      return base::fail(outcome::http_status, "no", stage::request, code);
    };
  };
  const auto failure = [](outcome how) {
    return [how](const document_request&) -> server::answer { return base::fail(how, "no"); };
  };
  const publisher p("testnet");
  auto forged_root = rotated(2);
  forged_root.signers = {"mallory a", "mallory b"};
  const auto bad = p.root(forged_root);
  const auto third = p.root(rotated(3));
  const row rows[] = {
      {"404: no such root", status(404), outcome::below_threshold, 2},
      {"403: no such root, as object stores say it", status(403), outcome::below_threshold, 2},
      {"410: no such root any more", status(410), outcome::below_threshold, 2},
      {"500: nobody knows", status(500), outcome::http_status, 2},
      {"the root's fetch is reset", failure(outcome::reset_after_hello), outcome::reset_after_hello, 2},
      {"the root's fetch is no longer possible", failure(outcome::offline), outcome::offline, 2},
      {"a forged root", [bad](const document_request&) -> server::answer { return bad; }, outcome::bad_root, 2},
      {"root 3 for root 2", [third](const document_request&) -> server::answer { return third; }, outcome::bad_root, 2},
      {"junk for a root", [](const document_request&) -> server::answer { return unverified_document{"{}"}; },
       outcome::malformed, 2},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    sidecar s;
    const auto forged = s.publisher_.list({.signers = {"mallory a", "mallory b"}});
    auto from = std::make_shared<server>();
    from->answers = [&](const document_request& request) -> server::answer {
      if (request.type == trust::document_type::list) return forged;
      return row.root(request);
    };
    const auto report = run_one(s, from);
    CHECK(report.outcome == row.ends);
    CHECK(report.error != "");
    CHECK(from->asked.size() == row.requests);
    CHECK(s.state.root()->version == 1);
    CHECK_FALSE(s.state.list());
  }
}

TEST_CASE("a route that hands out roots without end is left after 32 of them") {
  sidecar s;
  auto from = std::make_shared<server>();
  const auto& p = s.publisher_;
  const auto forged = p.list({.signers = {"mallory a", "mallory b"}});
  from->answers = [&](const document_request& request) -> server::answer {
    if (request.type == trust::document_type::list) return forged;
    root_options next;
    next.version = request.root_version;
    return p.root(next);
  };
  const auto report = run_one(s, from);
  CHECK(report.outcome == outcome::below_threshold);
  CHECK(from->asked.size() == 33);
  CHECK(s.state.root()->version == 33);
}

TEST_CASE("a root that another lane brought meanwhile is no fault of the route") {
  sidecar s;
  const auto& p = s.publisher_;
  const auto from = s.serving(p.list(list_by_root(3)), {p.root(rotated(2)), p.root(rotated(3))});
  const auto inner = from->answers;
  from->answers = [&](const document_request& request) {
    // Between our asking for root 2 and its arrival another lane offers it.
    if (request.root_version == 2) REQUIRE(s.state.offer_root(p.root(rotated(2)), now).has_value());
    return inner(request);
  };
  CHECK(run_one(s, from).outcome == outcome::won);
  CHECK(s.state.root()->version == 3);
}

TEST_CASE("the daily poll follows the roots first, then asks for the list") {
  sidecar s;
  const auto& p = s.publisher_;
  root_options second;
  second.version = 2;
  const auto from = s.serving(p.list(), {p.root(second)});
  fallback::lane_task task;
  task.roots_first = true;
  CHECK(run_one(s, from, task).outcome == outcome::won);
  CHECK(s.state.root()->version == 2);
  check_asked(*from, {root_number(2), root_number(3), the_list});
}

TEST_CASE("a certificate whose dates alone are wrong: one lane goes on without them") {
  const auto unless_told_so = [](const sidecar& s) {
    auto from = s.serving(s.publisher_.list());
    from->answers = [inner = from->answers](const document_request& request) -> server::answer {
      if (!request.ignore_dates) return base::fail(outcome::clock_suspect, "not yet valid", stage::tls);
      return inner(request);
    };
    return from;
  };
  SUBCASE("it may win, and says that it ignored the dates") {
    sidecar s;
    const auto from = unless_told_so(s);
    const auto report = run_one(s, from);
    CHECK(report.outcome == outcome::won);
    CHECK(report.dates_ignored);
    CHECK(from->asked.size() == 2);
  }
  SUBCASE("another lane that meets it at the same time ends with clock_suspect") {
    sidecar s;
    const auto context = s.lane();
    context.dates->taken = true;
    const auto from = unless_told_so(s);
    const auto report = run(run_lane(route_to(from, "r"), context, {}, 30s, nullptr));
    CHECK(report.outcome == outcome::clock_suspect);
    CHECK_FALSE(report.dates_ignored);
    CHECK(from->asked.size() == 1);
    CHECK(context.dates->taken);
  }
  SUBCASE("when it fails all the same, the next may try") {
    sidecar s;
    const auto context = s.lane();
    const auto report =
        run(run_lane(route_to(sidecar::failing(outcome::clock_suspect), "r"), context, {}, 30s, nullptr));
    CHECK(report.outcome == outcome::clock_suspect);
    CHECK(report.dates_ignored);
    CHECK_FALSE(context.dates->taken);
  }
  SUBCASE("any other fault of a certificate is final") {
    sidecar s;
    const auto from = sidecar::failing(outcome::tls_certificate);
    CHECK(run_one(s, from).outcome == outcome::tls_certificate);
    CHECK(from->asked.size() == 1);
  }
}

TEST_CASE("a fetch that hangs is cut by the whole deadline, and joined") {
  sidecar s;
  const auto from = sidecar::hanging();
  const auto report = run_one(s, from, {}, 20ms);
  CHECK(report.outcome == outcome::timed_out);
  CHECK(report.elapsed >= 20ms);
  CHECK(from->living == 0);
}

TEST_CASE("the deadline covers the roots too, and the report says where it was") {
  sidecar s;
  auto from = s.serving(s.publisher_.list(list_by_root(2)));
  from->root_after = for_ever;
  const auto report = run_one(s, from, {}, 500ms);
  CHECK(report.outcome == outcome::timed_out);
  CHECK(report.stage == stage::verify);
  CHECK(from->asked.size() == 2);
  CHECK(from->living == 0);
}

TEST_CASE("a fetch's own failure is reported as it is") {
  sidecar s;
  auto from = std::make_shared<server>();
  from->answers = [](const document_request&) -> server::answer {
    return base::fail(outcome::front_refused, "the front says no", stage::request, 421);
  };
  const auto report = run_one(s, from);
  CHECK(report.outcome == outcome::front_refused);
  CHECK(report.stage == stage::request);
  CHECK(report.code == 421);
  CHECK(report.error == "the front says no");
}

TEST_CASE("tor is given longer than other routes") {
  const config::lane_deadlines deadlines;
  CHECK(fallback::whole_deadline("https", deadlines) == deadlines.whole);
  CHECK(fallback::whole_deadline("onion", deadlines) == deadlines.onion);
}
