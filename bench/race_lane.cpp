#include "bench/race_lane.hpp"

#include "fronting/fronts.hpp"

#include <algorithm>

namespace landfall::bench {

namespace {

using base::outcome;
using base::stage;
using censor::endpoint;
using censor::model_route;

constexpr std::uint64_t list_bytes = 40'000;
/// What OpenSSL's ClientHello reads as here; S16 takes it for its fingerprint.
constexpr const char* our_ja4 = "t13d0000h2_000000000000_000000000000";
constexpr milliseconds next_resolver{500};     // http/names_policy.cpp: without SYN-ACK
constexpr milliseconds longest_patience{1500}; // with one
constexpr milliseconds resolver_limit{4000};   // http/resolver.hpp: half of a look-up's 8 s
constexpr milliseconds resolver_rests{10000};  // http/resolver.cpp: after it failed
constexpr std::uint64_t question_bytes = 700;  // with its answer, both padded (RFC 8467), and the headers

endpoint at(std::string_view address, std::uint16_t port) { return {*censor::address::parse(address), port}; }

model_route server(std::string_view address, std::uint16_t port, std::string name, bool fronted) {
  model_route out;
  out.server = at(address, port);
  out.sni = std::move(name);
  out.ja4 = our_ja4;
  out.fronted = fronted;
  out.document = list_bytes;
  out.resumes = true;
  return out;
}

race_route direct(std::string name, std::string_view address, std::string host) {
  return {std::move(name), "https", 1, true, {{server(address, 443, std::move(host), false)}}};
}

race_route fronts(std::string name, const std::string& block, const std::string& letter, const std::string& under) {
  race_route out{std::move(name), "fronted", 1, false, {}};
  for (const char* n : {"1", "2", "3"}) {
    std::string front = letter;
    front.append(n).append(under);
    out.targets.push_back({server(block + n, 443, std::move(front), true)});
  }
  return out;
}

/// Named by its address, so that no name stands in the ClientHello.
model_route resolver_at(std::string_view address) {
  auto out = server(address, 443, {}, false);
  out.document = question_bytes;
  out.resumes = false;
  return out;
}

leg leg_of(const model_route& to, const censor::trace& from, milliseconds begun) {
  auto opened = from.opened;
  for (auto& one : opened) one += begun;
  return {begun,
          begun + from.ends,
          {to.server.host.text(), to.server.port, to.fronted ? to.sni : std::string()},
          to.sni,
          from.bytes_up + from.bytes_down,
          std::move(opened),
          from.outcome};
}

class maker {
public:
  maker(censor::world& world, const censor::model_path& path, nanoseconds at, const avoid_fn& avoid, resolvers& names)
      : world_(world), path_(path), at_(at), avoid_(avoid), names_(names) {}

  lane_course make(const race_route& route) {
    if (route.looked_up && !look_up()) return std::move(out_);
    unsigned tried = 0;
    for (const auto& to : route.targets) {
      if (tried == fronting::max_fronts_per_lane || out_.ends >= whole_) break;
      const base::place place{to.as.server.host.text(), to.as.server.port, to.as.fronted ? to.as.sni : std::string()};
      if (avoid_ && avoid_(place)) continue;
      ++tried;
      fetch(to.as, place);
      if (!fronting::tries_another(out_.outcome)) break;
    }
    if (out_.ends > whole_) cut();
    return std::move(out_);
  }

private:
  /// The next resolver is asked when the one before is silent for half a second, or has failed; the first answer
  /// counts.
  bool look_up() {
    std::optional<milliseconds> answered;
    milliseconds begin{0}, last{0};
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (answered && *answered <= begin) break;
      auto got = names_.ask(i, at_ + begin);
      if (got.what) {
        got.what->begun = begin;
        got.what->ended = begin + got.lasts;
        for (auto& one : got.what->opened) one += begin;
        out_.legs.push_back(std::move(*got.what));
      }
      if (got.answered) answered = std::min(answered.value_or(begin + got.lasts), begin + got.lasts);
      last = std::max(last, begin + got.lasts);
      begin += got.answered ? got.patience : std::min(got.patience, got.lasts);
    }
    out_.ends = answered.value_or(last);
    for (auto& one : out_.legs) one.ended = std::min(one.ended, out_.ends);
    out_.stage = stage::resolve;
    out_.outcome = outcome::unreachable; // no resolver that answers
    if (answered) out_.steps.push_back({out_.ends, stage::resolve});
    return answered.has_value();
  }

  void fetch(const model_route& to, const base::place& place) {
    const auto begun = out_.ends;
    const auto got = world_.run(to, path_, at_ + begun);
    out_.legs.push_back(leg_of(to, got, begun));
    for (const auto& step : got.steps) {
      if (step.at == stage::body) continue;                              // its end, which is the lane's
      const auto at = step.at == stage::request ? stage::body : step.at; // the first byte, as http/ tells it
      if (out_.steps.empty() || out_.steps.back().at < at) out_.steps.push_back({begun + step.after, at});
    }
    out_.ends = begun + got.ends;
    out_.outcome = got.outcome;
    out_.stage = got.at;
    out_.where = place;
  }

  void cut() {
    out_.ends = whole_;
    out_.outcome = outcome::timed_out;
    out_.stage = stage::body;
    std::erase_if(out_.steps, [this](const auto& step) { return step.after >= whole_; });
    for (auto& one : out_.legs) one.ended = std::min(one.ended, whole_);
  }

  censor::world& world_;
  const censor::model_path& path_;
  nanoseconds at_;
  const avoid_fn& avoid_;
  resolvers& names_;
  milliseconds whole_ = censor::model_deadlines{}.whole;
  lane_course out_;
};

} // namespace

std::vector<race_route> route_set() {
  return {direct("direct-a", "192.0.2.10", "a.example.net"),
          direct("direct-b", "192.0.2.20", "b.example.net"),
          fronts("front-a", "203.0.113.", "a", ".example.com"),
          fronts("front-b", "198.51.100.", "b", ".example.org"),
          {"mirror", "https", 2, false, {{server("192.31.196.10", 8443, {}, false)}}}};
}

std::vector<race_route> one_by_one(const std::vector<race_route>& routes) {
  std::vector<race_route> out;
  for (const auto& route : routes)
    for (const auto& to : route.targets) {
      out.push_back(route);
      out.back().name += "/" + to.as.server.text();
      out.back().targets = {to};
    }
  return out;
}

resolvers::resolvers(censor::world& world, const censor::model_path& path) : world_(world), path_(path) {
  for (const char* address : {"9.9.9.9", "1.1.1.1", "8.8.8.8"}) all_.push_back({resolver_at(address)});
}

resolvers::asked resolvers::open(resolver& at, nanoseconds when) {
  const auto got = world_.run(at.at, path_, when);
  const auto lasts = std::min(got.ends, resolver_limit);
  const bool answered = got.outcome == outcome::won && lasts == got.ends;
  connection made{when, lasts, lasts, lasts, !answered};
  for (const auto& step : got.steps) {
    if (step.at == stage::connect) made.reached = step.after;
    if (step.at == stage::tls) made.stood = step.after;
  }
  at.open = made;
  const auto patience = made.reached <= next_resolver ? longest_patience : next_resolver;
  asked out{lasts, patience, answered, leg_of(at.at, got, milliseconds(0))};
  if (answered) out.what->bytes += question_bytes; // AAAA, beside A
  out.what->resolver = true;
  return out;
}

resolvers::asked resolvers::ask(std::size_t which, nanoseconds at) {
  auto& one = all_[which];
  if (!one.open || at < one.open->opened) return open(one, at);
  const auto& held = *one.open;
  const auto known = held.opened + held.ends;
  if (held.failed && at >= known + resolver_rests) return open(one, at);
  if (held.failed && at >= known) return {};
  // Asked while it is being opened: the question goes out with the first one. Later: one exchange, with its luck.
  const bool waits = held.failed || at < held.opened + held.stood;
  const auto lasts = std::chrono::ceil<milliseconds>(waits ? known - at : nanoseconds(held.ends - held.stood));
  const auto patience = held.opened + held.reached <= at + next_resolver ? longest_patience : next_resolver;
  asked out{lasts, patience, !held.failed, leg{}};
  out.what->where = {one.at.server.host.text(), one.at.server.port, {}};
  out.what->bytes = held.failed ? 0 : 2 * question_bytes;
  out.what->resolver = true;
  return out;
}

lane_course course_of(const race_route& route, censor::world& world, const censor::model_path& path, nanoseconds at,
                      const avoid_fn& avoid, resolvers& names) {
  return maker(world, path, at, avoid, names).make(route);
}

seen_of_lane seen_until(const lane_course& lane, milliseconds until) {
  seen_of_lane out;
  for (const auto& one : lane.legs) {
    if (one.begun >= until) continue;
    const double lasts = static_cast<double>(std::max<std::int64_t>((one.ended - one.begun).count(), 1));
    const double part = std::min(1.0, static_cast<double>((until - one.begun).count()) / lasts);
    out.bytes += part * static_cast<double>(one.bytes);
    out.connections += static_cast<unsigned>(std::ranges::count_if(one.opened, [&](auto at) { return at < until; }));
    out.addresses.push_back(one.where.address);
    if (!one.shows.empty()) out.names.push_back(one.shows);
  }
  return out;
}

} // namespace landfall::bench
