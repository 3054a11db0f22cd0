// A list that was put together from parts and does not verify is fetched once more, from zero, before it is blamed.
#include "world.hpp"

using namespace landfall;
using namespace landfall::fakes;
using base::outcome;

TEST_CASE("parts of two lists are no forgery") {
  struct row {
    std::string name;
    bool in_parts;
    int torn; ///< so many answers, then a right one
    outcome ends;
    std::size_t lists;
  };
  const row rows[] = {
      {"torn once", true, 1, outcome::won, 2},
      {"torn for ever", true, 9, outcome::below_threshold, 2},
      {"whole, and forged", false, 9, outcome::below_threshold, 1},
      {"in parts, and right", true, 0, outcome::won, 1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    sidecar s;
    const auto good = s.publisher_.list();
    const auto forged = s.publisher_.list({.signers = {"mallory a", "mallory b"}});
    const auto from = s.serving(good);
    std::size_t lists = 0;
    from->answers = [&](const document_request& request) -> server::answer {
      if (request.type == trust::document_type::root)
        return base::fail(outcome::http_status, "no", base::stage::request, 404);
      auto out = static_cast<int>(lists++) < row.torn ? forged : good;
      out.in_parts = row.in_parts;
      return out;
    };
    const auto report = run(fallback::run_lane(route_to(from, "r"), s.lane(), {}, 30s, nullptr));
    CHECK(base::name(report.outcome) == base::name(row.ends));
    CHECK(lists == row.lists);
  }
}
