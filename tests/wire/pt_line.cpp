#include "wire/pt_parent.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using namespace std::string_literals;

namespace {

template <class Line> Line parsed(std::string_view text) {
  auto line = wire::parse_pt_line(text);
  REQUIRE_MESSAGE(line.has_value(), text);
  REQUIRE_MESSAGE(std::holds_alternative<Line>(*line), text);
  return std::get<Line>(std::move(*line));
}

std::string joined(const wire::pt_pairs& pairs) {
  std::string out;
  for (const auto& [key, value] : pairs) out += key + "→" + value + "|";
  return out;
}

} // namespace

TEST_CASE("lines of a managed proxy") {
  CHECK(parsed<wire::pt_version>("VERSION 1").number == "1");
  CHECK(parsed<wire::pt_version>("VERSION 1\r").number == "1");
  (void)parsed<wire::pt_version_error>("VERSION-ERROR no-version");
  CHECK(parsed<wire::pt_env_error>("ENV-ERROR no such thing").message == "no such thing");
  (void)parsed<wire::pt_proxy_done>("PROXY DONE");
  CHECK(parsed<wire::pt_proxy_error>("PROXY-ERROR bad").message == "bad");
  (void)parsed<wire::pt_cmethods_done>("CMETHODS DONE");
  CHECK(parsed<wire::pt_cmethod_error>("CMETHOD-ERROR x y z").message == "y z");
  const auto method = parsed<wire::pt_cmethod>("CMETHOD obfs4 socks5 127.0.0.1:32784");
  CHECK(method.transport == "obfs4");
  CHECK(method.protocol == "socks5");
  CHECK(method.address == "127.0.0.1");
  CHECK(method.port == 32784);
  CHECK(parsed<wire::pt_cmethod>("CMETHOD t socks4 [::1]:1 OPTIONS").address == "::1");
  for (const auto* other :
       {"", "HELLO", "SMETHODS DONE", "CMETHODS", "PROXY", "version 1", "CMETHODSDONE", "VERSIONS 1"})
    (void)parsed<wire::pt_other>(other);
}

TEST_CASE("lines that are none") {
  for (const auto& text : {"CMETHOD"s,
                           "CMETHOD obfs4"s,
                           "CMETHOD obfs4 socks5"s,
                           "CMETHOD obfs4 socks5 127.0.0.1"s,
                           "CMETHOD obfs4 socks5 127.0.0.1:0"s,
                           "CMETHOD obfs4 socks5 127.0.0.1:65536"s,
                           "CMETHOD obfs4 socks5 127.0.0.1:+1"s,
                           "CMETHOD obfs4 socks5 :80"s,
                           "CMETHOD 4 socks5 127.0.0.1:80"s,
                           "CMETHOD-ERROR"s,
                           "CMETHOD-ERROR a-b c"s,
                           "LOG nothing"s,
                           "LOG MESSAGE=\"open"s,
                           "LOG MESSAGE=\"a\"b"s,
                           "LOG MESSAGE=\"\\"s,
                           "STATUS =x"s,
                           "STATUS TRANSPORT=a-b"s,
                           "HELLO \xff"s,
                           "\xc0\xaf"s,
                           "\xed\xa0\x80"s,
                           "\xf4\x90\x80\x80"s,
                           "\xe2\x82"s,
                           "\xf0\x80\x80\x80"s,
                           "\xe0\x80\x80"s}) {
    CAPTURE(text);
    const auto line = wire::parse_pt_line(text);
    REQUIRE_FALSE(line.has_value());
    CHECK(line.error().what == base::outcome::malformed);
  }
  CHECK(wire::parse_pt_line(std::string(wire::max_pt_line + 1, 'x')).error().what == base::outcome::too_large);
}

TEST_CASE("LOG and STATUS: quoting as C, words as they are") {
  CHECK(parsed<wire::pt_log>("LOG SEVERITY=warning MESSAGE=\"a \\\"b\\\" \\\\ \\n\\t\\101\\7\"").message.reveal() ==
        "a \"b\" \\ \n\tA\a");
  CHECK(parsed<wire::pt_log>("LOG MESSAGE=plain SEVERITY=error").severity == "error");
  CHECK(parsed<wire::pt_log>("LOG SEVERITY=fatal MESSAGE=\"\"").severity.empty());
  const auto status = parsed<wire::pt_status>("STATUS TRANSPORT=snowflake A=1 B=\"2 3\" C= D=ü");
  CHECK(status.transport == "snowflake");
  CHECK(joined(status.pairs.reveal()) == "A→1|B→2 3|C→|D→ü|");
}

TEST_CASE("arguments, in every form in which parents send them") {
  struct row {
    std::string_view text, pairs;
  };
  for (const auto& [text, pairs] :
       {row{"", ""}, row{"a=b", "a→b|"}, row{"a=b;c=d", "a→b|c→d|"}, row{"a=", "a→|"}, row{"a=b=c", "a→b=c|"},
        row{"a\\=b=c", "a=b→c|"}, row{"a=b\\;c", "a→b;c|"}, row{"a=b\\\\;c=d", "a→b\\|c→d|"}, row{"a=\\b", "a→b|"},
        row{"a=b\\=c", "a→b=c|"}, row{"a=1;a=2", "a→1|a→2|"}}) {
    CAPTURE(text);
    const auto got = wire::parse_pt_arguments(text);
    REQUIRE(got.has_value());
    CHECK(joined(*got) == pairs);
  }
  for (const auto* text : {"a", "=b", "a=b;", ";", "a=b;;c=d", "a=b\\", "a\\", "a=b;c"}) {
    CAPTURE(text);
    CHECK_FALSE(wire::parse_pt_arguments(text).has_value());
  }
  CHECK(wire::pt_log_line("error", "a \"b\"\n\\ü") == "LOG SEVERITY=error MESSAGE=\"a \\\"b\\\"?\\\\??\"");
}

TEST_CASE("the conversation: order, and what stays with its transport") {
  struct row {
    const char* name;
    bool proxy;
    std::vector<std::string> lines;
    const char* failure; ///< of the whole
    const char* of_a;    ///< what method("a") says: empty: it is there
  };
  const std::string a = "CMETHOD a socks5 127.0.0.1:1", done = "CMETHODS DONE", v = "VERSION 1";
  for (const auto& [name, proxy, lines, failure, of_a] : {
           row{"good", false, {v, a, done}, "", ""},
           row{"PROXY DONE unasked", false, {v, "PROXY DONE", a, done}, "", ""},
           row{"with proxy", true, {v, "PROXY DONE", a, done}, "", ""},
           row{"proxy ignored", true, {v, a}, "pass it by", "did not offer"},
           row{"proxy ignored at the end", true, {v, done}, "pass it by", "did not offer"},
           row{"proxy refused",
               true,
               {v, "PROXY-ERROR socks5://u:p@h"},
               "cannot use the upstream proxy",
               "did not offer"},
           row{"no version", false, {a}, "before VERSION", "did not offer"},
           row{"other version", false, {"VERSION 2"}, "another protocol", "did not offer"},
           row{"refused", false, {v, "CMETHOD-ERROR a no", done}, "", "refused it: no"},
           row{"refused after the offer", false, {v, a, "CMETHOD-ERROR a no", done}, "", "refused it"},
           row{"twice", false, {v, a, a, done}, "", "twice"},
           row{"thrice", false, {v, a, a, a, done}, "", "twice"},
           row{"socks4", false, {v, "CMETHOD a socks4 127.0.0.1:1", done}, "", "by SOCKS5"},
           row{"elsewhere", false, {v, "CMETHOD a socks5 10.0.0.1:1", done}, "", "not loopback"},
           row{"by name", false, {v, "CMETHOD a socks5 localhost:1", done}, "", "not loopback"},
           row{"loopback of IPv6", false, {v, "CMETHOD a socks5 [::1]:1", done}, "", ""},
           row{"another's", false, {v, "CMETHOD b socks5 127.0.0.1:1", done}, "", "did not offer"},
           row{"late words", false, {v, a, done, "CMETHOD a", "\xff", a, "VERSION 2"}, "", ""},
       }) {
    CAPTURE(name);
    wire::pt_parent talk({"a", "c"}, proxy);
    std::string failed;
    for (const auto& line : lines) {
      const auto taken = talk.take(line);
      if (!taken) failed = taken.error().detail;
    }
    CHECK((*failure == '\0' ? failed.empty() : failed.find(failure) != std::string::npos));
    CHECK(talk.ready() == failed.empty());
    const auto method = talk.method("a");
    if (*of_a == '\0')
      CHECK(method.has_value());
    else
      CHECK_MESSAGE(method.error().detail.find(of_a) != std::string::npos, method.error().detail);
  }
}

TEST_CASE("a line without an end is an error at any time; noise only before it is ready, and only in bulk") {
  wire::pt_parent talk({"a"}, false);
  for (int i = 0; i < wire::pt_parent::max_noise; ++i) CHECK(talk.take("noise").has_value());
  CHECK(talk.take("noise").error().what == base::outcome::malformed);
  wire::pt_parent ready({"a"}, false);
  for (const auto* line : {"VERSION 1", "CMETHODS DONE"}) CHECK(ready.take(line).has_value());
  for (int i = 0; i < 1000; ++i) CHECK(ready.take("noise").has_value());
  CHECK(ready.take(std::string(wire::max_pt_line + 1, 'x')).error().what == base::outcome::too_large);
}

TEST_CASE("words are told at a pace") {
  using verdict = wire::pt_log_limit::verdict;
  wire::pt_log_limit limit;
  for (int i = 0; i < wire::pt_log_limit::burst; ++i) CHECK(limit.judge(1000) == verdict::tell);
  CHECK(limit.judge(1000) == verdict::first_dropped);
  CHECK(limit.judge(1999) == verdict::dropped);
  CHECK(limit.judge(2000) == verdict::tell);
  CHECK(limit.judge(2000) == verdict::first_dropped);
  for (int i = 0; i < wire::pt_log_limit::burst; ++i) CHECK(limit.judge(100'000) == verdict::tell);
}
