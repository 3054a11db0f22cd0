// The plan of a fetch by ranges against a model of a filter and a server: no sockets.
#include "fronting/ranges.hpp"

#include <doctest/doctest.h>

#include <functional>

using namespace landfall;
using base::outcome;
using base::stage;
using fronting::range_plan;

namespace {

constexpr std::uint64_t max_document = 128 * 1024;

std::string document(std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>('a' + i * i % 26);
  return out;
}

http::response whole(std::string body) {
  http::response out;
  out.status = 200;
  out.body = std::move(body);
  return out;
}

http::response part(std::uint64_t first, const std::string& of, std::uint64_t last) {
  http::response out;
  out.status = 206;
  out.body = of.substr(first, last - first + 1);
  out.range = http::content_range{{first, last}, of.size()};
  return out;
}

base::failure silence() { return base::fail(outcome::stalled_after_bytes, "0 bytes in 8 s", stage::body); }

/// A server behind a filter that lets `limit` bytes of each connection through, of which `cost` are no body.
struct world {
  std::string served;
  std::uint64_t limit, cost;
  bool knows_ranges = true;
  std::uint64_t largest_resumed = 0; ///< bytes of a connection
  int connections = 0;

  http::result<http::response> answer(const std::optional<http::byte_range>& asked) {
    ++connections;
    if (asked && knows_ranges && asked->first >= served.size())
      return base::fail(outcome::http_status, "status 416", stage::body, 416);
    auto out = asked && knows_ranges
                   ? part(asked->first, served, std::min<std::uint64_t>(asked->last, served.size() - 1))
                   : whole(served);
    out.overhead = cost;
    if (asked && knows_ranges) largest_resumed = std::max<std::uint64_t>(largest_resumed, cost + out.body.size());
    if (limit <= cost) return base::fail(outcome::stalled_after_bytes, "silent within a record", stage::request);
    if (cost + out.body.size() > limit) {
      out.body.resize(limit - cost);
      out.cut = silence();
    }
    return out;
  }
};

range_plan::step run(range_plan& plan,
                     const std::function<http::result<http::response>(std::optional<http::byte_range>)>& server) {
  for (int i = 0; i < 1000; ++i) {
    auto step = plan.next();
    const auto* ask = std::get_if<range_plan::ask>(&step);
    if (!ask) return step;
    plan.took(server(ask->range));
  }
  FAIL("the plan goes on for ever");
  return base::failure{};
}

const base::failure& failure_of(const range_plan::step& step) {
  REQUIRE(std::holds_alternative<base::failure>(step));
  return std::get<base::failure>(step);
}

} // namespace

TEST_CASE("what comes whole is asked for once") {
  range_plan plan(max_document);
  const auto step = run(plan, [](auto range) {
    CHECK_FALSE(range.has_value());
    return whole("{}");
  });
  REQUIRE(std::holds_alternative<range_plan::done>(step));
  CHECK(std::get<range_plan::done>(step).body == "{}");
  CHECK_FALSE(std::get<range_plan::done>(step).in_parts);
}

TEST_CASE("every document gets through every filter that leaves room, with no connection over 14 KB") {
  for (const std::size_t size : {100U, 6144U, 14'000U, 40'000U, 131'072U})
    for (const std::uint64_t cost : {0U, 2'500U, 5'000U, 8'000U})
      for (const std::uint64_t limit : {12'300U, 14'000U, 15'000U, 20'000U, 1'000'000U}) {
        CAPTURE(size);
        CAPTURE(cost);
        CAPTURE(limit);
        world model{document(size), limit, cost};
        range_plan plan(max_document);
        const auto step = run(plan, [&](auto range) { return model.answer(range); });
        if (!std::holds_alternative<range_plan::done>(step)) FAIL(base::to_string(failure_of(step)));
        CHECK(std::get<range_plan::done>(step).body == model.served);
        CHECK(std::get<range_plan::done>(step).in_parts == (model.connections > 1));
        CHECK(model.largest_resumed <=
              std::max<std::uint64_t>(fronting::max_connection_bytes, cost + fronting::least_range));
      }
}

TEST_CASE("a filter that counts lower than was thought is met with smaller ranges") {
  for (auto model : {world{document(40'000), 9'000, 4'000}, world{document(40'000), 12'300, 11'000}}) {
    range_plan plan(max_document);
    const auto step = run(plan, [&](auto range) { return model.answer(range); });
    REQUIRE(std::holds_alternative<range_plan::done>(step));
    CHECK(std::get<range_plan::done>(step).body == model.served);
  }
}

TEST_CASE("the first range is 6 KiB, less where the connection itself costs much") {
  struct row {
    std::string name;
    std::uint64_t cost, length;
  };
  const row rows[] = {
      {"cheap", 2'000, 6144}, {"dear", 9'000, 5'000 - fronting::spare}, {"dearer than all room", 20'000, 1024}};
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto first = whole(document(10'000));
    first.cut = silence();
    first.overhead = row.cost;
    range_plan plan(max_document);
    (void)plan.next();
    plan.took(first);
    const auto step = plan.next();
    REQUIRE(std::holds_alternative<range_plan::ask>(step));
    CHECK(std::get<range_plan::ask>(step).range == http::byte_range{10'000, 10'000 + row.length - 1});
  }
}

TEST_CASE("silence within the first record of the answer is resumed from zero") {
  range_plan plan(max_document);
  (void)plan.next();
  plan.took(base::fail(outcome::stalled_after_bytes, "silent within the first record of the answer", stage::request));
  const auto step = plan.next();
  REQUIRE(std::holds_alternative<range_plan::ask>(step));
  CHECK(std::get<range_plan::ask>(step).range == http::byte_range{0, fronting::first_range - 1});
}

TEST_CASE("two resumed connections without a byte are silence after the hello, at their place") {
  int resumed = 0;
  range_plan plan(max_document);
  const auto step = run(plan, [&](auto range) -> http::result<http::response> {
    if (!range) {
      auto first = whole(document(9'000));
      first.cut = silence();
      return first;
    }
    auto failed = resumed++ % 2 == 0 ? base::fail(outcome::timed_out, "", stage::connect)
                                     : base::fail(outcome::reset_after_hello, "", stage::tls);
    failed.where = base::place{"192.0.2.1", 443, {}};
    return failed;
  });
  const auto& failed = failure_of(step);
  CHECK(failed.what == outcome::stalled_after_hello);
  CHECK(failed.where == base::place{"192.0.2.1", 443, {}});
  CHECK(resumed == 2);
}

TEST_CASE("one byteless connection between two that bring something is forgiven") {
  world model{document(60'000), 15'000, 4'000};
  int number = 0;
  range_plan plan(max_document);
  const auto step = run(plan, [&](auto range) -> http::result<http::response> {
    if (range && ++number % 2 == 0) return base::fail(outcome::timed_out, "", stage::connect);
    return model.answer(range);
  });
  REQUIRE(std::holds_alternative<range_plan::done>(step));
  CHECK(std::get<range_plan::done>(step).body == model.served);
}

TEST_CASE("a server without ranges: its 200 starts anew, once") {
  world model{document(40'000), 15'000, 4'000, false};
  range_plan plan(max_document);
  const auto step = run(plan, [&](auto range) { return model.answer(range); });
  CHECK(failure_of(step).what == outcome::stalled_after_bytes);
  CHECK(model.connections == 3);
  // Where the filter lets the second through, its whole answer is the document.
  model.connections = 0;
  range_plan again(max_document);
  const auto better = run(again, [&](auto range) {
    auto out = model.answer(range);
    model.limit = 1'000'000;
    return out;
  });
  REQUIRE(std::holds_alternative<range_plan::done>(better));
  CHECK(std::get<range_plan::done>(better).body == model.served);
  CHECK_FALSE(std::get<range_plan::done>(better).in_parts);
}

TEST_CASE("a document that changes its length is fetched from zero, once") {
  const auto old = document(40'000), fresh = document(50'000);
  for (const bool changes_again : {false, true}) {
    CAPTURE(changes_again);
    int number = 0;
    range_plan plan(max_document);
    const auto step = run(plan, [&](auto range) -> http::result<http::response> {
      if (!range) {
        auto first = whole(old.substr(0, 10'000));
        first.cut = silence();
        return first;
      }
      ++number;
      const auto& now = number < 3 ? old : changes_again && number > 5 ? old : fresh;
      return part(range->first, now, std::min<std::uint64_t>(range->last, now.size() - 1));
    });
    if (changes_again) {
      CHECK(failure_of(step).what == outcome::stalled_after_bytes);
    } else {
      REQUIRE(std::holds_alternative<range_plan::done>(step));
      CHECK(std::get<range_plan::done>(step).body == fresh);
    }
  }
}

TEST_CASE("answers to a range that are wrong") {
  const auto all = document(40'000);
  const auto changed = [&](const std::function<void(http::response&)>& change) {
    return [&all, change](http::byte_range range) -> http::result<http::response> {
      auto out = part(range.first, all, range.last);
      change(out);
      return out;
    };
  };
  struct row {
    std::string name;
    std::function<http::result<http::response>(http::byte_range)> answer;
    outcome expected;
  };
  const row rows[] = {
      {"another beginning", changed([](auto& r) { r.range->bytes.first -= 1; }), outcome::malformed},
      {"an overlap behind", changed([](auto& r) { r.range->bytes.last += 1; }), outcome::malformed},
      {"the whole as a part", changed([&](auto& r) { r = part(0, all, all.size() - 1); }), outcome::malformed},
      {"more bytes than it says", changed([](auto& r) { r.body += "x"; }), outcome::malformed},
      {"a total over the limit", changed([](auto& r) { r.range->total = max_document + 1; }), outcome::too_large},
      {"not found", [](auto) { return base::fail(outcome::http_status, "", stage::body, 404); }, outcome::http_status},
      {"shorter for ever", [](auto) { return base::fail(outcome::http_status, "", stage::body, 416); },
       outcome::stalled_after_bytes},
      {"a certificate", [](auto) { return base::fail(outcome::tls_certificate, "", stage::tls); },
       outcome::tls_certificate},
      {"cancelled", [](auto) { return base::fail(outcome::cancelled); }, outcome::cancelled},
      {"a part cut by a limit of ours", changed([](auto& r) { r.cut = base::fail(outcome::too_large); }),
       outcome::too_large},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    range_plan plan(max_document);
    const auto step = run(plan, [&](auto range) {
      if (range) return row.answer(*range);
      auto first = whole(all.substr(0, 10'000));
      first.cut = silence();
      return http::result<http::response>(first);
    });
    CHECK(base::name(failure_of(step).what) == base::name(row.expected));
  }
}

TEST_CASE("what fails at first is not resumed unless bytes came") {
  for (const auto& first :
       {base::fail(outcome::timed_out, "", stage::request), base::fail(outcome::refused, "", stage::connect),
        base::fail(outcome::stalled_after_bytes, "", stage::tls)}) {
    range_plan plan(max_document);
    int asked = 0;
    const auto step = run(plan, [&](auto) -> http::result<http::response> {
      ++asked;
      return first;
    });
    CHECK(failure_of(step) == first);
    CHECK(asked == 1);
  }
}

TEST_CASE("parts of one byte end at the bound of connections") {
  const auto all = document(10'000);
  range_plan plan(max_document);
  int asked = 0;
  const auto step = run(plan, [&](auto range) -> http::result<http::response> {
    ++asked;
    auto out = range ? part(range->first, all, range->first) : whole("a");
    out.cut = silence();
    return out;
  });
  CHECK(failure_of(step).what == outcome::stalled_after_bytes);
  CHECK(asked == fronting::max_connections);
}
