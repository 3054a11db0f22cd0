// Every scenario, path and way to race in virtual time; raw figures as one JSON object on stdout, made into tables by
// bench_race.py.   race_model [SEEDS]
#include "bench/race_story.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace landfall;
using namespace landfall::bench;
namespace json = boost::json;

struct scenario {
  const char *name, *profile;
  censor::definitions define;
};

const std::vector<std::string> directs{"192.0.2.10", "192.0.2.20"};
const std::vector<std::string> their_names{"example.net"};

/// The censor's lists, drawn so that something of the set is closed and, where the scenario allows it, something open.
std::vector<scenario> scenarios() {
  const std::vector<std::string> front_a{"203.0.113.0/24"}, ours{"t13d0000h2_000000000000_000000000000"};
  const std::vector<std::string> curtain{"192.0.2.0/24", "203.0.113.0/24"};
  const std::vector<std::string> ours_all{"192.0.2.0/24", "203.0.113.0/24", "198.51.100.0/24", "192.31.196.0/24"};
  const censor::definitions iran{{"allowed", {"example.org"}}, {"cdn", ours_all}};
  const censor::definitions russia{{"foreign", curtain}, {"throttled", {"example.org"}}, {"fingerprints", {"none"}}};
  return {{"open", "none", {}},
          {"S02 names reset", "S02", {{"blocked", their_names}}},
          {"S03 port 443", "S03", {}},
          {"S04 data reset", "S04", {{"suspects", curtain}}},
          {"S05 false answers", "S05", {{"blocked", their_names}}},
          {"S11 names allowed", "S11", iran},
          {"S12 shutdown", "S12", {}},
          {"S13 plain DNS only", "S13", {}},
          {"S14 some networks", "S14", {{"foreign", curtain}}},
          {"S14 everywhere", "S14", {}},
          {"S16 our fingerprint", "S16", {{"foreign", curtain}, {"fingerprints", ours}}},
          {"S18 slow", "S18", {{"throttled", their_names}}},
          {"S19 blackholes", "S19", {{"blackholes", {"192.0.0.0/16", "203.0.0.0/16"}}}},
          {"S20 fronting over", "S20", {}},
          {"S22 weak reader", "S22", {{"blocked", their_names}}},
          {"S26 list found out", "S26", {{"shipped", {"192.0.2.0/24", "203.0.113.0/24", "192.31.196.10"}}}},
          {"no resolver", "S26", {{"shipped", {"9.9.9.9", "1.1.1.1", "8.8.8.8"}}}},
          {"1 dropped", "S26", {{"shipped", {"192.0.2.10"}}}},
          {"2 dropped", "S26", {{"shipped", directs}}},
          {"3 dropped", "S26", {{"shipped", {"192.0.2.10", "192.0.2.20", "203.0.113.0/24"}}}},
          {"CN-2023", "CN-2023", {{"blocked", their_names}}},
          {"CN-2026", "CN-2026", {{"blocked", their_names}, {"suspects", front_a}}},
          {"IR-2022", "IR-2022", {{"blocked", their_names}}},
          {"IR-2026", "IR-2026", iran},
          {"RU-2026", "RU-2026", russia},
          {"TM", "TM", {{"blocked", their_names}, {"blackholes", {"192.0.0.0/16", "203.0.0.0/16"}}}}};
}

constexpr std::int64_t not_at_all = -1; ///< no list

struct sample {
  std::vector<std::int64_t> ms;
  std::vector<double> kb;
  std::vector<unsigned> connections;
  std::vector<std::size_t> names, addresses;

  void add(const race_log& race) {
    if (!race.complaint.empty()) {
      std::fprintf(stderr, "race_model: %s\n", race.complaint.c_str());
      std::exit(1);
    }
    const auto spent = cost_of(race);
    ms.push_back(race.winner ? race.decided.count() : not_at_all);
    kb.push_back(std::round(spent.bytes / 100) / 10);
    connections.push_back(spent.connections);
    names.push_back(spent.names);
    addresses.push_back(spent.addresses);
  }

  json::object text() const {
    const auto list = [](const auto& of) { return json::array(of.begin(), of.end()); };
    return {{"ms", list(ms)},
            {"kb", list(kb)},
            {"connections", list(connections)},
            {"names", list(names)},
            {"addresses", list(addresses)}};
  }
};

/// One scenario on one path.
class cell {
public:
  cell(const scenario& what, censor::model_path path) : what_(what), path_(path) {}

  json::object run(std::uint64_t seeds) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      landfall(seed);
      rivals(seed);
      alone(seed);
    }
    json::object out{
        {"scenario", what_.name}, {"profile", what_.profile}, {"rtt", path_.round_trip.count()}, {"loss", path_.loss}};
    auto& runs = out["runs"].emplace_object();
    for (const auto& [name, one] : samples_) runs[name] = one.text();
    auto& by = out["alone"].emplace_object();
    for (std::size_t i = 0; i < set_.size(); ++i) {
      auto& route = by[set_[i].name].emplace_object();
      route = alone_[i].text();
      route["prescribed"] = json::array(prescribed_[i].begin(), prescribed_[i].end());
    }
    out["won_by"] = json::object(won_by_.begin(), won_by_.end());
    out["contacts"] = contacts_;
    out["held_back"] = held_back_;
    out["violations"] = violations_;
    return out;
  }

private:
  censor::world world(std::uint64_t seed, censor::model_deadlines deadlines = {}) {
    auto made = censor::world::make(what_.profile, {.defined = what_.define, .seed = seed, .deadlines = deadlines});
    if (!made) {
      std::fprintf(stderr, "race_model: %s: %s\n", what_.profile, made.error().detail.c_str());
      std::exit(1);
    }
    return std::move(*made);
  }

  /// Cold; then half a minute later, within the penalties; and, with the memory of the cold race alone, an hour later:
  /// what the censor holds against connections has passed, and lost packets are drawn alike, so that luck is no merit.
  void landfall(std::uint64_t seed) {
    using namespace std::chrono_literals;
    story one;
    auto here = world(seed);
    const auto cold = one.race(set_, here, path_, 0s, seed);
    samples_["cold"].add(cold);
    ++won_by_[cold.winner ? set_[*cold.winner].name : "nobody"];
    auto later = one;
    (void)one.race(set_, here, path_, cold.finished + 30s, seed + 1'000'000);
    auto anew = world(seed);
    samples_["warm"].add(later.race(set_, anew, path_, cold.finished + 1h, seed + 2'000'000));
    for (const auto* told : {&one, &later}) {
      contacts_ += told->audit.contacts;
      held_back_ += told->held_back;
      violations_ += told->audit.violations;
    }
    const auto starts = prescribed_starts(set_, seed);
    for (std::size_t i = 0; i < starts.size(); ++i) prescribed_[i].push_back(starts[i].count());
  }

  race_log race(const std::vector<race_route>& routes, const rival& how, std::uint64_t seed) {
    auto here =
        how.limit ? world(seed, {*how.limit, *how.limit, *how.limit, *how.limit, *how.limit, *how.limit}) : world(seed);
    std::vector<int> tiers;
    for (const auto& one : routes) tiers.push_back(one.tier);
    rival_plan plan(tiers, how);
    resolvers names(here, path_);
    return run_race(
        plan, [&](std::size_t lane, nanoseconds at) { return course_of(routes[lane], here, path_, at, {}, names); },
        [&](std::size_t lane, const lane_course& course) { return report_of(routes[lane], course); }, {});
  }

  void rivals(std::uint64_t seed) {
    samples_["sequential"].add(race(set_, sequential, seed));
    samples_["staggered"].add(race(set_, staggered, seed));
    samples_["everything"].add(race(one_by_one_, all_at_once, seed));
  }

  void alone(std::uint64_t seed) {
    for (std::size_t i = 0; i < set_.size(); ++i) alone_[i].add(race({set_[i]}, all_at_once, seed));
  }

  const scenario& what_;
  censor::model_path path_;
  std::vector<race_route> set_ = route_set(), one_by_one_ = one_by_one(set_);
  std::map<std::string, sample> samples_;
  std::vector<sample> alone_ = std::vector<sample>(set_.size());
  std::vector<std::vector<std::int64_t>> prescribed_ = std::vector<std::vector<std::int64_t>>(set_.size());
  std::map<std::string, int> won_by_;
  std::size_t contacts_ = 0, held_back_ = 0, violations_ = 0;
};

} // namespace

int main(int count, char** words) {
  const auto seeds = count > 1 ? std::strtoull(words[1], nullptr, 10) : 20;
  json::array cells;
  for (const auto& what : scenarios())
    for (const int rtt : {60, 150, 300})
      for (const double loss : {0.0, 0.01, 0.03})
        cells.push_back(cell(what, {.round_trip = milliseconds(rtt), .loss = loss}).run(seeds));
  std::puts(json::serialize(json::object{{"seeds", seeds}, {"cells", std::move(cells)}}).c_str());
}
