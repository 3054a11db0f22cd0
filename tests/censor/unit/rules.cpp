#include "tests/censor/unit/bytes.hpp"

using namespace landfall;
using namespace landfall::censor;

namespace {
base::result<rule_set> parse(std::string text, const definitions& defined = {}) {
  const auto files = [&text](std::string_view name) {
    return name == "text" ? std::optional(text) : compiled_rules(name);
  };
  return parse_rules("text", files, defined);
}
} // namespace

TEST_CASE("every compiled rule file is read") {
  const auto names = compiled_rule_names();
  CHECK(names.size() >= 25);
  for (const auto& name : names) {
    INFO(std::string(name));
    CHECK(parse_rules(name, compiled_rules).has_value());
  }
}

TEST_CASE("a rule says what it says") {
  const auto read = parse(
      "define names A.example *.b.example # two of them\n"
      "set record-reassembly off\n"
      "rule one\n  sni $names c.example\n  over tcp\n  port 443 8443\n  to 10.0.0.0/8 2001:db8::1\n"
      "  after-bytes 15k..20k each\n  chance 0.25\n  do drop down data later\n  then reset\n  for 60s..3min tuple\n"
      "rule two\n  do throttle 140kbit 15k\n");
  REQUIRE(read.has_value());
  CHECK_FALSE(read->record_reassembly);
  CHECK(read->tcp_reassembly);
  REQUIRE(read->rules.size() == 2);
  const auto& one = read->rules[0];
  CHECK(one.sni == std::vector<std::string>{"a.example", "b.example", "c.example"});
  CHECK((one.ports == std::vector<std::uint16_t>{443, 8443} && one.to.size() == 2 && one.over == transport::tcp));
  CHECK((one.after_bytes->low == 15000 && one.after_bytes->high == 20000 && one.after_bytes->each));
  CHECK(one.chance == 0.25);
  CHECK((one.first.what == act::drop && !one.first.up && one.first.down && one.first.data_only && one.first.later));
  CHECK(one.then.what == act::reset);
  CHECK((one.lasts->low == 60'000'000'000 && one.lasts->high == 180'000'000'000 && one.lasts_for == key::tuple));
  CHECK((read->rules[1].first.rate == 17500 && read->rules[1].then.what == act::throttle));
}

TEST_CASE("a definition of the caller wins; one used before it is defined is an error") {
  const auto read = parse("define names a.example\nrule r\n  sni $names\n  do reset\n", {{"names", {"z.example"}}});
  REQUIRE(read.has_value());
  CHECK(read->rules[0].sni == std::vector<std::string>{"z.example"});
  const auto profile = parse("use S02\n", {{"blocked", {"hidden.example.org"}}});
  CHECK(profile.value().rules.at(0).sni == std::vector<std::string>{"hidden.example.org"});
}

TEST_CASE("errors name file, line and word") {
  struct row {
    const char *text, *said;
  };
  const row rows[] = {
      {"rule r\n  sno a\n", "text:2: no such condition: 'sno a'"},
      {"rule\n", "text:1: 'rule' needs a value"},
      {"rule a b\n", "text:1: 'b' is one word too many"},
      {"sni a\n", "text:1: 'sni' stands in no rule"},
      {"rule r\n  sni $x\n", "text:2: '$x' is not defined"},
      {"rule r\n  sni a_b/c\n", "text:2: 'a_b/c' is no name"},
      {"rule r\n  to 10.0.0.0/40\n", "text:2: '10.0.0.0/40' is no address or prefix"},
      {"rule r\n  port 70000\n", "text:2: '70000' is no port"},
      {"rule r\n  do\n", "text:2: 'do' needs a value"},
      {"rule r\n  do explode\n", "text:2: pass, drop, reset, answer, throttle or probe; not 'explode'"},
      {"rule r\n  do drop up down\n", "text:2: 'up down' is 'both'"},
      {"rule r\n  do drop sideways\n", "text:2: drop up, down, both, data, later; not 'sideways'"},
      {"rule r\n  do answer\n", "text:2: 'answer' needs a value"},
      {"rule r\n  do throttle 140 15k\n", "text:2: '140' is no number with a unit of: kbit, mbit"},
      {"rule r\n  do throttle 0kbit 15k\n", "text:2: a rate or burst of 0 is 'drop'"},
      {"rule r\n  for 60s\n", "text:2: 'for' needs a value"},
      {"rule r\n  for 60s planet\n", "text:2: flow, tuple, pair, server or all; not 'planet'"},
      {"rule r\n  for 180s..60s tuple\n", "text:2: '180s..60s': the first is greater than the second"},
      {"rule r\n  for 99999999999999999999s tuple\n",
       "text:2: '99999999999999999999s' is no number with a unit of: ms, s, min, h"},
      {"rule r\n  chance 1.5\n", "text:2: '1.5' is not in 0..1"},
      {"rule r\n  chance nan\n", "text:2: 'nan' is not in 0..1"},
      {"rule r\n  after-bytes 15k twice\n", "text:2: 'each' or nothing, not 'twice'"},
      {"set dns-reassembly on\n", "text:1: there is no setting 'dns-reassembly'"},
      {"set tcp-reassembly maybe\n", "text:1: on or off"},
      {"fronts refuse 500\n", "text:1: fronts refuse 403 or 421"},
      {"use S99\n", "text:1: there is no rule file 'S99'"},
      {"use text\n", "'text' is too large or too deep"},
  };
  for (const auto& row : rows) {
    INFO(std::string(row.text));
    const auto read = parse(row.text);
    REQUIRE(read.has_error());
    CHECK_MESSAGE(read.error().detail.ends_with(row.said), read.error().detail);
  }
  std::string many;
  for (int n = 0; n < 65; ++n) many += "rule r\n";
  CHECK(parse(many).error().detail == "text:65: too many rules");
}

TEST_CASE("names are suffixes at a label's border") {
  CHECK(is_below("blocked.example", "blocked.example"));
  CHECK(is_below("www.blocked.example", "blocked.example"));
  CHECK_FALSE(is_below("unblocked.example", "blocked.example"));
  CHECK_FALSE(is_below("example", "blocked.example"));
  CHECK_FALSE(is_below("", "blocked.example"));
}
