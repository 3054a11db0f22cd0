#include "tests/censor/model.hpp"

#include <algorithm>

namespace landfall::censor {

namespace {

using base::outcome;
using base::stage;

constexpr std::uint64_t segment = 1400, first_window = 10; ///< RFC 6928
constexpr std::uint64_t request_size = 400, small_message = 150, resumed_range = 6144;
constexpr milliseconds initial_rto{1000}, least_rto{200};
constexpr int most_resumes = 16;

/// How a step of a lane went.
enum class went : std::uint8_t { on, reset, silence };

class lane {
public:
  lane(engine& censor, std::mt19937_64& random, const model_route& route, const model_path& path,
       const model_deadlines& deadlines, nanoseconds started)
      : censor_(censor), random_(random), route_(route), path_(path), deadlines_(deadlines), started_(started) {
    hello_.sni = route.sni;
    hello_.ja4 = route.ja4;
    hello_.tls13 = true;
    hello_.ech = route.ech;
    trace_.where = {route.server.host.text(), route.server.port, route.fronted ? route.sni : std::string()};
    body_ = "\x01";
    while (body_.size() < segment) body_ += static_cast<char>(random_() & 0xff);
  }

  trace run(std::uint16_t& port) {
    if (!route_.resolved_name.empty() && !resolve(++port)) return finish();
    std::uint64_t got = 0;
    for (int attempt = 0; attempt <= most_resumes; ++attempt) {
      const auto wanted = attempt == 0 ? route_.document : std::min(route_.document - got, resumed_range);
      const auto before = got;
      open(++port);
      if (!connect() || !handshake() || !fetch(wanted, got)) {
        if (trace_.outcome != outcome::stalled_after_bytes || !route_.resumes) return finish();
        const bool progress = got > before;
        idle_ = progress ? 0 : idle_ + 1;
        if (idle_ == 2) trace_.outcome = outcome::stalled_after_hello; // two resumed connections without a byte
        if (idle_ == 2) return finish();
      }
      if (got >= route_.document) break;
    }
    trace_.outcome = got >= route_.document ? outcome::won : outcome::stalled_after_bytes;
    if (got >= route_.document) trace_.at = stage::none; // whatever was met on the way
    return finish();
  }

private:
  [[nodiscard]] milliseconds since() const { return std::chrono::duration_cast<milliseconds>(now_); }

  trace finish() {
    trace_.ends = std::min(since(), deadlines_.whole);
    if (since() > deadlines_.whole) fail(outcome::timed_out, stage::body, deadlines_.whole - since());
    trace_.ends = std::min(trace_.ends, deadlines_.whole);
    return std::move(trace_);
  }

  bool fail(outcome how, stage where, milliseconds after = milliseconds(0)) {
    trace_.outcome = how;
    trace_.at = where;
    now_ += after;
    return false;
  }

  void reach(stage what) {
    if (trace_.steps.empty() || trace_.steps.back().at < what) trace_.steps.push_back({since(), what});
  }

  [[nodiscard]] bool lost() { return path_.loss > 0 && static_cast<double>(random_() >> 11) * 0x1p-53 < path_.loss; }

  decision show(bool up, kind what, std::string_view bytes, const client_hello* known = nullptr) {
    observation seen;
    seen.flow = flow_;
    seen.up = up;
    seen.what = what;
    seen.bytes = seen.fresh = bytes;
    seen.known = known;
    (up ? trace_.bytes_up : trace_.bytes_down) += bytes.size();
    return censor_.decide(seen, started_ + now_);
  }

  /// A message there and its answer back, sent again until both pass or `limit` is over. The censor sees every try.
  went exchange(kind what, std::string_view up, const client_hello* known, kind back, std::string_view down,
                milliseconds limit, milliseconds rto) {
    const auto begun = now_;
    const auto last = begun + limit;
    for (auto wait = rto; begun + (now_ - begun) < last; wait *= 2) {
      const auto sent = show(true, what, up, known);
      if (sent.reset) return now_ += milliseconds(1), went::reset;
      if (!sent.drop && !lost()) {
        const auto answered = show(false, back, down);
        if (answered.reset) return now_ += path_.round_trip, went::reset;
        if (!answered.drop && !lost()) return now_ += path_.round_trip, went::on;
      }
      now_ = std::min<nanoseconds>(now_ + wait, last);
    }
    return went::silence;
  }

  [[nodiscard]] milliseconds rto() const { return std::max(least_rto, 2 * path_.round_trip); }

  bool resolve(std::uint16_t port) {
    flow_ = {{client(), port}, {*address::parse("10.9.0.53"), 53}, transport::udp};
    const auto query = build_dns_query(port, route_.resolved_name);
    const auto begun = now_;
    for (auto wait = initial_rto; now_ - begun < deadlines_.resolve; wait *= 2) {
      const auto decided = show(true, kind::data, query);
      if (!decided.answers.empty()) return poisoned(decided.answers);
      if (!decided.drop && !lost() && !lost()) {
        const auto asked = read_dns_query(query);
        (void)show(false, kind::data, forge_answer(query, *asked, {route_.server.host}));
        now_ += path_.round_trip;
        reach(stage::resolve);
        return true;
      }
      now_ += wait;
    }
    return fail(outcome::timed_out, stage::resolve);
  }

  /// The first forged answer is believed: a loopback address is seen through, everything else is a host that is not
  /// there.
  bool poisoned(const std::vector<forged_answer>& answers) {
    const auto first = std::ranges::min(answers, {}, &forged_answer::after);
    now_ += first.after;
    const auto addresses = read_dns_answers(first.message);
    const bool bogus = addresses.empty() || addresses.front().text().starts_with("127.");
    trace_.where = {addresses.empty() ? std::string() : addresses.front().text(), route_.server.port,
                    trace_.where.front};
    if (bogus) return fail(outcome::dns_poisoned, stage::resolve);
    reach(stage::resolve);
    return fail(outcome::timed_out, stage::connect, deadlines_.connect);
  }

  void open(std::uint16_t port) {
    flow_ = {{client(), port}, route_.server, transport::tcp};
    ++trace_.connections;
    trace_.opened.push_back(since());
  }

  bool connect() {
    const auto how = exchange(kind::open, {}, nullptr, kind::opened, {}, deadlines_.connect, initial_rto);
    if (how == went::reset) return fail(outcome::refused, stage::connect);
    if (how == went::silence) return fail(outcome::timed_out, stage::connect);
    reach(stage::connect);
    return true;
  }

  bool handshake() {
    const bool tls = route_.over == model_route::carrier::tls;
    const auto first = tls ? std::string_view("\x16\x03\x01\x05\xf8\x01", 6) : std::string_view(body_).substr(0, 400);
    const auto limit = tls ? deadlines_.tls : deadlines_.handshake;
    const auto at = tls ? stage::tls : stage::handshake;
    auto how = exchange(kind::data, first, tls ? &hello_ : nullptr, kind::data, {}, limit, rto());
    if (how == went::on) how = carry(tls ? route_.handshake_down : small_message, limit).first;
    if (how == went::reset) return fail(outcome::reset_after_hello, at);
    if (how == went::silence) return fail(tls ? outcome::stalled_after_hello : outcome::bridge_silent, at);
    reach(at);
    return true;
  }

  bool fetch(std::uint64_t wanted, std::uint64_t& got) {
    auto how = exchange(kind::data, std::string_view(body_).substr(0, request_size), nullptr, kind::data, {},
                        deadlines_.first_byte, rto());
    if (how == went::on && route_.fronted && censor_.rules().fronts != front_policy::serve)
      return fail(outcome::front_refused, stage::request);
    if (how == went::reset) return fail(outcome::reset_after_hello, stage::request);
    if (how == went::silence) return fail(outcome::stalled_after_bytes, stage::request);
    reach(stage::request);
    const auto [end, carried] = carry(wanted, deadlines_.stall);
    got += carried;
    if (end == went::reset) return fail(outcome::reset_after_hello, stage::body);
    if (end == went::silence) return fail(outcome::stalled_after_bytes, stage::body);
    (void)show(true, kind::end, {});
    reach(stage::body);
    return true;
  }

  /// `size` bytes from the server by slow start; how it ended and how much came.
  std::pair<went, std::uint64_t> carry(std::uint64_t size, milliseconds stall) {
    std::uint64_t window = first_window, got = 0;
    while (got < size) {
      const auto burst = std::min(window, (size - got + segment - 1) / segment);
      bool any_lost = false;
      auto until = now_;
      for (std::uint64_t n = 0; n < burst; ++n) {
        const auto bytes = std::min(segment, size - got);
        const auto decided = show(false, kind::data, std::string_view(body_).substr(0, bytes));
        if (decided.reset) return {went::reset, got};
        if (decided.drop && decided.depart == nanoseconds(0)) return silent(got, stall);
        until = std::max(until, decided.depart - started_);
        any_lost = any_lost || lost();
        got += bytes;
      }
      const auto spent = nanoseconds(burst * segment * 1'000'000'000 / path_.rate);
      now_ = std::max<nanoseconds>(
          until, now_ + (got < size || any_lost ? std::max<nanoseconds>(spent, path_.round_trip) : spent));
      window = any_lost ? std::max(window / 2, std::uint64_t{2}) : window * 2;
    }
    return {went::on, got};
  }

  std::pair<went, std::uint64_t> silent(std::uint64_t got, milliseconds stall) {
    now_ += stall;
    return {went::silence, got};
  }

  static address client() { return *address::parse("10.9.0.1"); }

  engine& censor_;
  std::mt19937_64& random_;
  const model_route& route_;
  const model_path& path_;
  const model_deadlines& deadlines_;
  nanoseconds started_, now_{0};
  client_hello hello_;
  flow_key flow_;
  std::string body_;
  int idle_ = 0;
  trace trace_;
};

} // namespace

world::world(rule_set rules, world_options options)
    : options_(std::move(options)), engine_(std::move(rules), {.seed = options_.seed, .lossless = true}) {}

base::result<world> world::make(std::string_view profile, world_options options) {
  auto rules = parse_rules(profile, compiled_rules, options.defined);
  if (!rules) return rules.error();
  return world(std::move(*rules), std::move(options));
}

trace world::run(const model_route& route, const model_path& path, nanoseconds started) {
  const auto of_server = std::hash<std::string_view>{}(route.server.host.wire()) + route.server.port;
  std::mt19937_64 luck(options_.seed ^ (of_server * 0x9e3779b97f4a7c15U) ^ ++lanes_[route.server]);
  return lane(engine_, luck, route, path, options_.deadlines, started).run(port_);
}

base::result<trace> model(std::string_view profile, const model_route& route, const model_path& path,
                          world_options options) {
  auto made = world::make(profile, std::move(options));
  if (!made) return made.error();
  return made->run(route, path, nanoseconds(0));
}

} // namespace landfall::censor
