// What people and machines read: tables, remarks, failures, metrics.
#include "sidecar/cli.hpp"
#include "sidecar/metrics.hpp"
#include "sidecar/peer_output.hpp"
#include "sidecar/status_output.hpp"
#include "sidecar/table.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <pty.h>
#include <unistd.h>

#include <cstdio>

using namespace landfall;
using namespace landfall::sidecar;

namespace {

boost::json::object object(std::string_view text) { return boost::json::parse(text).as_object(); }

/// What a table writes, to a file in memory.
std::string drawn(bool terminal, const std::vector<event>& events) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* out = ::open_memstream(&text, &size);
  {
    lane_table table(out, terminal);
    for (const auto& happened : events) table.take(happened);
  }
  std::fclose(out);
  std::string copy(text, size);
  std::free(text);
  return copy;
}

const std::vector<event> race{
    {"race_started", object(R"({"race":1,"routes":2})")},
    {"lane_started", object(R"({"race":1,"route":"first","kind":"https"})")},
    {"lane_progress", object(R"({"race":1,"route":"first","stage":"tls"})")},
    {"lane_ended",
     object(R"({"race":1,"route":"first","kind":"https","outcome":"refused","ms":12,"error":"nobody\u001b[31m"})")},
    {"lane_started", object(R"({"race":1,"route":"second","kind":"https"})")},
    {"lane_ended", object(R"({"race":1,"route":"second","kind":"https","outcome":"won","ms":3400,"error":""})")},
    {"race_ended", object(R"({"race":1,"won":"second"})")},
};

} // namespace

TEST_CASE("elsewhere than on a terminal a race is one line for each thing that begins or ends") {
  CHECK(drawn(false, race) == "first: trying\n"
                              "first: refused after 12 ms: nobody?[31m\n"
                              "second: trying\n"
                              "second: won after 3.4 s\n"
                              "race 1: won by second\n");
}

TEST_CASE("what a program on the way tells is said, and shown as long as the race runs") {
  const std::vector<sidecar::event> bootstrap{
      {"lane_started", object(R"({"race":1,"route":"onion-1","kind":"onion"})")},
      {"transport", object(R"({"transport":"tor","what":"bootstrap","detail":"14 % handshake"})")},
      {"transport", object(R"({"transport":"obfs4","what":"ready","detail":""})")},
  };
  CHECK(drawn(false, bootstrap) == "onion-1: trying\ntor: 14 % handshake\nobfs4: ready\n");
  CHECK(drawn(true, bootstrap).ends_with("onion-1  onion  tor: 14 % handshake\nobfs4: ready\n"));
}

TEST_CASE("an onion lane shows how far tor is for as long as it waits for tor, and no other lane does") {
  const auto at = [](int percent) {
    return sidecar::event{
        "transport", {{"transport", "tor"}, {"what", "bootstrap"}, {"detail", fmt::format("{} % phase", percent)}}};
  };
  const auto stage = [](std::string_view name) {
    return sidecar::event{"lane_progress", {{"race", 1}, {"route", "hidden"}, {"stage", name}}};
  };
  std::vector<sidecar::event> events{
      {"lane_started", object(R"({"race":1,"route":"first","kind":"https"})")},
      {"lane_started", object(R"({"race":1,"route":"hidden","kind":"onion"})")},
  };
  const auto then = [&events](std::vector<sidecar::event> more) {
    events.insert(events.end(), more.begin(), more.end());
    const auto text = drawn(true, events);
    return text.substr(text.rfind("first"));
  };
  CHECK(then({}) == "first   https  trying\nhidden  onion  trying\n");
  CHECK(then({at(10)}) == "first   https  trying\nhidden  onion  tor: 10 % phase\n");
  CHECK(then({stage("handshake"), at(45)}) == "first   https  trying\nhidden  onion  tor: 45 % phase\n");
  CHECK(then({at(100), stage("proxy")}) == "first   https  trying\nhidden  onion  proxy\n");
  CHECK(then({{"lane_ended", object(R"({"route":"hidden","kind":"onion","outcome":"won","ms":3400,"error":""})")}}) ==
        "first   https  trying\nhidden  onion  won     3.4 s\n");
  CHECK(then({{"race_started", object(R"({"race":2})")},
              {"lane_started", object(R"({"race":2,"route":"first","kind":"https"})")},
              {"lane_started", object(R"({"race":2,"route":"hidden","kind":"onion"})")}}) ==
        "first   https  trying\nhidden  onion  trying\n");
}

TEST_CASE("on a terminal a race is a table that is drawn over itself, in aligned columns") {
  const auto text = drawn(true, race);
  CHECK(text.ends_with("race 1: won by second\n"
                       "first   https  refused  12 ms  nobody?[31m\n"
                       "second  https  won      3.4 s\n"));
  CHECK_MESSAGE(text.find("\x1b[3A\x1b[J") != std::string::npos, "three lines up and everything below gone");
}

TEST_CASE("peers are lines of columns, with a head for people") {
  const auto answer = object(R"({"peers":[{"id":"AAAA","endpoints":["tcp://198.51.100.1:443","udp://198.51.100.1:443"],
      "tier":"A","source":"list"}],"short":true,"degraded":["country"]})");
  const auto plain = peers_text(answer, false);
  CHECK(plain.starts_with("AAAA "));
  CHECK(plain.ends_with("  A     list    tcp://198.51.100.1:443,udp://198.51.100.1:443\n"));
  CHECK(peers_text(answer, true).starts_with("ID "));
  CHECK(remarks_text(answer) == "landfall: 1 peers, fewer than asked for\nlandfall: not spread by country\n");
}

TEST_CASE("the oldest tier among signed peers is told") {
  const auto tiers = [](std::string_view first, std::string_view second) {
    return remarks_text(
        object(fmt::format(R"({{"peers":[{{"tier":"{}","source":"list"}},{{"tier":"{}","source":"list"}},
        {{"tier":"C","source":"manual"}}],"short":false,"degraded":[]}})",
                           first, second)));
  };
  CHECK(tiers("A", "A").empty());
  CHECK(tiers("A", "A-") == "landfall: these are of tier A-: not of a fresh list\n");
  CHECK(tiers("B", "A-") == "landfall: these are of tier B: not of a fresh list\n");
  CHECK(tiers("A", "C") == "landfall: these are of tier C: not of a fresh list\n");
}

TEST_CASE("without peers every route is explained, and the exit status says whether somebody forged") {
  const auto failed = [](std::string_view outcome) {
    return object(fmt::format(R"({{"error":"no_peers","message":"m","lanes":[
        {{"route":"one","outcome":"refused","stage":"connect","error":"nobody","hint":"check"}},
        {{"route":"two","outcome":"{}","stage":"verify","error":"why","hint":""}}]}})",
                              outcome));
  };
  CHECK(failure_text(failed("expired")) == "landfall: no peers in time:\n"
                                           "  one  refused  connect  nobody; check\n"
                                           "  two  expired  verify   why\n");
  CHECK(status_of_failure(failed("expired")) == no_peers);
  for (const auto* outcome : {"below_threshold", "rolled_back", "bad_root", "root_needed", "wrong_network"}) {
    CAPTURE(outcome);
    CHECK(status_of_failure(failed(outcome)) == untrusted);
  }
  CHECK(failure_text(object(R"({"message":"another error"})")) == "landfall: another error\n");
}

TEST_CASE("status is told in lines, whatever is missing in it") {
  const auto lines = status_lines(object(R"({"network":"net","ready":true,"root_version":2,
      "list":{"epoch":3,"version":4127,"tier":"A","issued":1795132800},"race":{"n":5,"lanes":[]},
      "routes":[{"name":"one","kind":"https","tier":1,"state":"penalised","until":1795132860,"last":"refused"}],
      "warnings":["careful"]})"));
  const std::vector<std::string> expected{"network   net",
                                          "state     has peers to hand over; race 5 is running",
                                          "root      version 2",
                                          "list      version 4127 of epoch 3, tier A, issued 2026-11-20 00:00 UTC",
                                          "routes",
                                          "  one  https  tier 1  penalised until 2026-11-20 00:01 UTC  refused",
                                          "warning   careful"};
  CHECK(lines == expected);
  CHECK_FALSE(status_lines({}).empty());
}

TEST_CASE("status tells of each route how far the race has come there") {
  const auto lines = status_lines(object(R"({"network":"net","race":{"n":5,"lanes":[
      {"route":"one","kind":"https","outcome":null,"stage":"tls"},
      {"route":"two","kind":"https","outcome":null,"stage":"none"},
      {"route":"three","kind":"https","outcome":"refused","stage":"connect","ms":12}]},
      "routes":[{"name":"one","kind":"https","tier":1,"state":"running"},{"name":"two","kind":"https","tier":1},
      {"name":"three","kind":"https","tier":1,"state":"idle"},{"name":"four","kind":"https","tier":1,"state":"idle"}]})"));
  std::string all;
  for (const auto& line : lines) all += line + "\n";
  CHECK(all.ends_with("routes\n"
                      "  one    https  tier 1  trying: tls\n"
                      "  two    https  tier 1  trying\n"
                      "  three  https  tier 1  refused after 12 ms\n"
                      "  four   https  tier 1  idle\n"));
}

TEST_CASE("what is drawn fits on its terminal; elsewhere it is whole") {
  int ours = -1, terminal = -1;
  winsize size{};
  size.ws_row = 3;
  size.ws_col = 5;
  REQUIRE(::openpty(&ours, &terminal, nullptr, nullptr, &size) == 0);
  std::FILE* out = ::fdopen(terminal, "w");
  const std::vector<std::string> lines{"1234567", "2", "3", "4"};
  CHECK(fitted(lines, out) == std::vector<std::string>{"12345", "2"});
  std::fclose(out);
  ::close(ours);
  std::FILE* file = std::tmpfile();
  CHECK(fitted(lines, file) == lines);
  std::fclose(file);
}

TEST_CASE("status as JSON has every key that the design names, in every state") {
  status now;
  now.network = "net";
  now.race = 2;
  now.lanes = {{"one", "https", base::stage::tls, std::nullopt}};
  now.routes = {{{"one", "https", 1, {}}, true, 0, std::nullopt},
                {{"two", "https", 1, {}}, false, 1795132860, base::outcome::refused},
                {{"three", "onion", 3, "not built"}, false, 0, std::nullopt}};
  const auto text = boost::json::serialize(to_json(now));
  CHECK(text.find(R"("list":null)") != std::string::npos);
  CHECK(text.find(R"("race":{"n":2,"lanes":[{"route":"one","kind":"https","outcome":null,"stage":"tls"}]})") !=
        std::string::npos);
  CHECK(text.find(R"({"name":"one","kind":"https","tier":1,"state":"running","until":null,"last":null})") !=
        std::string::npos);
  CHECK(text.find(R"("state":"penalised","until":1795132860,"last":"refused")") != std::string::npos);
  CHECK(text.find(R"("state":"off")") != std::string::npos);
  for (const auto* key : {"version", "network", "ready", "root_version", "events_lost", "warnings"}) {
    CAPTURE(key);
    CHECK(to_json(now).contains(key));
  }
}

TEST_CASE("metrics are Prometheus text without a route's name") {
  counters now;
  now.status.ready = true;
  now.status.list = list_status{{3, 4127}, "A-", 1795132800};
  now.status.routes = {{{"secret-name", "https", 1, {}}, false, 1795132860, std::nullopt}};
  now.lanes = {{{"https", "refused"}, 4}};
  now.races = 2;
  now.answers = {{200, 7}};
  const auto text = to_text(now);
  for (const auto* line :
       {"landfall_ready 1\n", "landfall_list_version 4127\n", "landfall_list_tier{tier=\"A-\"} 1\n",
        "landfall_lanes_total{kind=\"https\",outcome=\"refused\"} 4\n", "landfall_races_total 2\n",
        "landfall_routes_penalised{kind=\"https\"} 1\n", "landfall_api_answers_total{status=\"200\"} 7\n"}) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
  CHECK(text.find("secret-name") == std::string::npos);
}
