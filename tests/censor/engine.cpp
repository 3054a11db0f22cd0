#include "tests/censor/engine.hpp"

#include "base/encoding.hpp"

#include <algorithm>

namespace landfall::censor {

namespace {

constexpr std::uint16_t dns_port = 53;
constexpr std::size_t most_events = 4096;
/// A policer's queue: what would wait longer than this many bytes is dropped.
constexpr std::uint64_t queue_bytes = 65536;
constexpr std::uint64_t second = 1'000'000'000;

bool below_any(std::string_view name, const std::vector<std::string>& suffixes) {
  return std::ranges::any_of(suffixes, [name](const auto& suffix) { return is_below(name, suffix); });
}

bool holds_any(const std::vector<prefix>& prefixes, const address& what) {
  return std::ranges::any_of(prefixes, [&what](const auto& one) { return one.holds(what); });
}

/// Such a rule may trigger again and again on one flow: on SYN and on SYN/ACK, on each query of a socket.
bool repeats(const rule& what) { return what.syn || !what.qname.empty(); }

} // namespace

engine::engine(rule_set rules, engine_options options)
    : rules_(std::move(rules)), options_(options), random_(options.seed), flows_(options.flows),
      residual_(options.flows), resolved_(options.flows), tallies_(rules_.rules.size()),
      next_in_pool_(rules_.rules.size()) {
  const auto settle = [this](std::optional<range>& one, double scale) {
    if (!one || one->each) return;
    one->low = one->high = static_cast<std::uint64_t>(static_cast<double>(draw(*one)) * scale);
  };
  for (auto& rule : rules_.rules) {
    settle(rule.after_bytes, 1);
    settle(rule.connections, 1);
    settle(rule.datagram, 1);
    settle(rule.unresolved, options.time_scale);
    settle(rule.lasts, options.time_scale);
  }
}

std::uint64_t engine::draw(const range& from) { return from.low + random_() % (from.high - from.low + 1); }

decision engine::decide(const observation& seen, nanoseconds now) {
  decision out;
  ++seen_;
  auto& flow = note(seen);
  note_answers(seen, now);
  if (is_blocked(seen.flow)) {
    ++blocked_drops_;
    out.drop = true;
  }
  for (std::size_t at = 0; at < rules_.rules.size(); ++at) {
    const auto& rule = rules_.rules[at];
    if (!is_at(rule, seen.flow)) continue;
    const auto* lingering = lingers(at, flow, seen, now);
    const bool fired = fires(at, flow, seen, now);
    if (fired && rule.first.what == act::pass) {
      ++tallies_[at].triggered;
      break;
    }
    if (lingering != nullptr && (!fired || rule.first.later)) apply(at, *lingering, flow, seen, now, out);
    if (fired) fire(at, flow, seen, now, out);
  }
  if (out.drop) ++dropped_;
  if (seen.up && seen.what == kind::data) flow.up_packets += seen.bytes.empty() ? 0 : 1;
  if (!seen.up) flow.down_bytes += seen.bytes.size();
  return out;
}

engine::flow_state& engine::note(const observation& seen) {
  if (seen.what == kind::open) flows_.forget(seen.flow); // a port that is used again is a connection of its own
  auto& flow = flows_.touch(seen.flow);
  if (seen.what == kind::open || seen.flow.over == transport::udp) flow.opened = true;
  if (seen.what == kind::end) flow.ended = true;
  const bool had_hello = flow.hello.has_value();
  if (seen.known != nullptr && !had_hello) flow.hello = *seen.known;
  if (seen.up && seen.flow.over == transport::tcp) read_stream(flow, seen);
  flow.hello_now = flow.hello.has_value() && !had_hello;
  return flow;
}

void engine::read_stream(flow_state& flow, const observation& seen) {
  if (flow.stream.size() < max_hello) flow.stream += seen.fresh.substr(0, max_hello - flow.stream.size());
  const auto text = rules_.tcp_reassembly ? std::string_view(flow.stream) : seen.bytes;
  if (text.empty()) return;
  if (!flow.hello && !flow.hello_done) {
    auto read = read_hello(text, rules_.record_reassembly);
    flow.hello_done = rules_.tcp_reassembly && read.state != reading::more;
    if (read.state == reading::yes) flow.hello = std::move(read.hello);
  }
  if (flow.host || flow.host_done) return;
  auto read = read_http_host(text);
  flow.host_done = rules_.tcp_reassembly && read.state != reading::more;
  if (read.state == reading::yes) flow.host = std::move(read.host);
}

void engine::note_answers(const observation& seen, nanoseconds now) {
  if (seen.up || seen.flow.over != transport::udp || seen.flow.server.port != dns_port) return;
  for (const auto& one : read_dns_answers(seen.bytes)) resolved_.touch(one) = now;
}

std::optional<std::string> engine::asked_name(const flow_state& flow, const observation& seen) const {
  if (!seen.up || seen.flow.server.port != dns_port) return std::nullopt;
  const auto text = seen.flow.over == transport::udp ? seen.bytes : std::string_view(flow.stream);
  const std::size_t length = seen.flow.over == transport::udp ? 0 : 2; // TCP: a length before the message
  if (text.size() < length || seen.bytes.empty()) return std::nullopt;
  auto query = read_dns_query(text.substr(length));
  if (!query) return std::nullopt;
  return std::move(query->name);
}

bool engine::is_blocked(const flow_key& flow) const {
  return std::ranges::find(blocked_, flow.server.host) != blocked_.end();
}

bool engine::is_at(const rule& rule, const flow_key& flow) const {
  if (rule.over && *rule.over != flow.over) return false;
  if (!rule.to.empty() && !holds_any(rule.to, flow.server.host)) return false;
  if (holds_any(rule.not_to, flow.server.host)) return false;
  return rule.ports.empty() || std::ranges::find(rule.ports, flow.server.port) != rule.ports.end();
}

bool engine::is_seen(const rule& rule, const flow_state& flow, const observation& seen) const {
  const bool data_up = flow.opened && seen.up && seen.what == kind::data && !seen.bytes.empty();
  const bool first = data_up && flow.up_packets == 0;
  if (rule.syn && seen.what != kind::open && seen.what != kind::opened) return false;
  if (rule.first_data && !first) return false;
  if (rule.fully_encrypted && !(first && looks_fully_encrypted(seen.bytes))) return false;
  if (rule.quic_initial && !(first && seen.flow.over == transport::udp && is_quic_initial(seen.bytes))) return false;
  if (!rule.unlisted_protocol) return true;
  // Either of the first two data packets may be what conforms; before the second nothing is decided.
  return data_up && flow.up_packets == 1 && protocol_of(flow.stream) == protocol::other &&
         protocol_of(seen.bytes) == protocol::other;
}

bool engine::is_named(const rule& rule, const flow_state& flow, const observation& seen) const {
  const auto* hello = flow.hello ? &*flow.hello : nullptr;
  const bool wants_hello =
      !rule.sni.empty() || !rule.sni_not.empty() || !rule.ja4.empty() || rule.ech || rule.esni || rule.tls13;
  if (wants_hello && hello == nullptr) return false;
  if (!rule.sni.empty() && !below_any(hello->sni, rule.sni)) return false;
  if (!rule.sni_not.empty() && below_any(hello->sni, rule.sni_not)) return false;
  if (!rule.ja4.empty() && std::ranges::find(rule.ja4, hello->ja4) == rule.ja4.end()) return false;
  if ((rule.ech && !hello->ech) || (rule.esni && !hello->esni) || (rule.tls13 && !hello->tls13)) return false;
  if (!rule.host.empty() && !(flow.host && below_any(*flow.host, rule.host))) return false;
  if (rule.qname.empty()) return true;
  const auto name = asked_name(flow, seen);
  return name && below_any(*name, rule.qname);
}

bool engine::is_counted(std::size_t at, flow_state& flow, const observation& seen, nanoseconds now) {
  const auto& rule = rules_.rules[at];
  if (rule.datagram && (seen.flow.over != transport::udp || seen.bytes.size() < rule.datagram->low)) return false;
  if (rule.unresolved) {
    const auto* when = resolved_.find(seen.flow.server.host);
    if (when != nullptr && now - *when <= nanoseconds(rule.unresolved->low)) return false;
  }
  if (rule.connections) {
    if (!flow.hello_now) return false; // counting costs time: only a connection that begins can be one too many
    const auto same = [&](const auto& other) {
      return !other.second.ended && other.second.hello && other.first.server == seen.flow.server &&
             other.second.hello->sni == flow.hello->sni;
    };
    if (static_cast<std::uint64_t>(std::ranges::count_if(flows_, same)) <= rule.connections->low) return false;
  }
  if (!rule.after_bytes) return true;
  const auto limit =
      flow.limits.try_emplace(at, rule.after_bytes->each ? draw(*rule.after_bytes) : rule.after_bytes->low);
  return !seen.up && flow.down_bytes + seen.bytes.size() > limit.first->second;
}

bool engine::fires(std::size_t at, flow_state& flow, const observation& seen, nanoseconds now) {
  const auto& rule = rules_.rules[at];
  const auto bit = std::uint64_t{1} << at;
  const bool once = !repeats(rule) && rule.first.what != act::pass;
  if (once && ((flow.fired | flow.asked) & bit) != 0) return false;
  if (!is_seen(rule, flow, seen) || !is_named(rule, flow, seen) || !is_counted(at, flow, seen, now)) return false;
  if (rule.chance >= 1) return true;
  flow.asked |= bit; // of this connection there is no second throw
  return static_cast<double>(random_() >> 11) * 0x1p-53 < rule.chance;
}

const effect* engine::lingers(std::size_t at, const flow_state& flow, const observation& seen, nanoseconds now) {
  const auto& rule = rules_.rules[at];
  if ((flow.fired & std::uint64_t{1} << at) != 0 && !repeats(rule))
    for (const auto* one : {&rule.first, &rule.then})
      if (one->what == act::drop || one->what == act::throttle) return one;
  if (!rule.lasts) return nullptr;
  const auto* until = residual_.find(key_for(at, seen.flow));
  if (until == nullptr || now >= *until) return nullptr;
  ++tallies_[at].residual;
  return &rule.then;
}

engine::residual_key engine::key_for(std::size_t at, const flow_key& flow) const {
  auto part = flow;
  const auto what = rules_.rules[at].lasts_for;
  if (what != key::flow) part.client.port = 0;
  if (what == key::pair || what == key::server || what == key::all) part.server.port = 0;
  if (what == key::server || what == key::all) part.client = {};
  if (what == key::all) part.server = {};
  return {at, part};
}

void engine::fire(std::size_t at, flow_state& flow, const observation& seen, nanoseconds now, decision& out) {
  const auto& rule = rules_.rules[at];
  flow.fired |= std::uint64_t{1} << at;
  ++tallies_[at].triggered;
  tell(at, "triggered", flow, seen, now);
  if (rule.lasts) residual_.touch(key_for(at, seen.flow)) = now + nanoseconds(rule.lasts->low);
  if (rule.first.later) return;
  if (rule.after_bytes) out.pass = flow.limits[at] - std::min(flow.limits[at], flow.down_bytes);
  apply(at, rule.first, flow, seen, now, out);
}

void engine::apply(std::size_t at, const effect& what, flow_state& flow, const observation& seen, nanoseconds now,
                   decision& out) {
  auto& count = tallies_[at];
  switch (what.what) {
  case act::pass: return;
  case act::drop: {
    if (seen.up ? !what.up : !what.down) return;
    if (what.data_only && seen.bytes.empty()) return;
    out.drop = true;
    ++count.dropped;
    const auto bit = std::uint64_t{1} << at;
    if ((flow.dropped & bit) == 0) tell(at, "drop", flow, seen, now);
    flow.dropped |= bit;
    return;
  }
  case act::reset:
    // A residual state acts on SYN/ACK and data; an RST for every bare ACK would answer our own RSTs.
    if (seen.what == kind::bare || seen.what == kind::end || out.reset) return;
    if (seen.what == kind::open && !rules_.rules[at].syn && !rules_.rules[at].unresolved) return;
    out.reset = true;
    ++count.resets;
    tell(at, "reset", flow, seen, now);
    return;
  case act::answer:
    forge(at, what, seen, out);
    if (!out.answers.empty()) tell(at, "answer", flow, seen, now);
    return;
  case act::throttle: return throttle(at, what, flow, seen, now, out);
  case act::probe:
    out.probe = true;
    tell(at, "probe", flow, seen, now);
    return;
  }
}

void engine::forge(std::size_t at, const effect& with, const observation& seen, decision& out) {
  const auto asked = read_dns_query(seen.bytes);
  if (!asked || with.pool.empty()) return;
  // Two or three injectors, each with its own habits; the true answer comes as well (Hoang et al., USENIX Sec '21).
  constexpr std::uint64_t millisecond = 1'000'000;
  const auto injectors = 2 + random_() % 2;
  for (std::uint64_t each = 0; each < injectors; ++each) {
    const forgery one{with.pool[next_in_pool_[at]++ % with.pool.size()],
                      each == 0 ? 300U : 60U + static_cast<std::uint32_t>(random_() % 240), each == 1};
    out.answers.push_back({forge_answer(seen.bytes, *asked, one), nanoseconds((1 + random_() % 20) * millisecond)});
    ++tallies_[at].answers;
  }
}

void engine::throttle(std::size_t at, const effect& with, flow_state& flow, const observation& seen, nanoseconds now,
                      decision& out) {
  if (seen.bytes.empty()) return;
  auto& used = flow.buckets[{at, seen.up}];
  const auto time_for = [&with](std::uint64_t bytes) { return nanoseconds(bytes * second / with.rate); };
  const auto begin = std::max(used.busy_until, now);
  const auto end = begin + time_for(seen.bytes.size());
  if (!options_.lossless && begin - now > time_for(queue_bytes + with.burst)) {
    out.drop = true;
    ++tallies_[at].dropped;
    return;
  }
  used.busy_until = end;
  const auto depart = end - time_for(with.burst);
  if (depart <= now) return;
  out.depart = std::max(out.depart, depart);
  ++tallies_[at].delayed;
}

void engine::tell(std::size_t at, std::string_view what, const flow_state& flow, const observation& seen,
                  nanoseconds now) {
  if (events_.size() == most_events) {
    events_.pop_front();
    ++events_lost_;
  }
  std::string about = what == "probe" ? base::to_hex(seen.bytes) : std::string();
  if (about.empty() && flow.hello) about = flow.hello->sni;
  if (about.empty() && flow.host) about = *flow.host;
  if (about.empty()) about = asked_name(flow, seen).value_or("");
  events_.push_back({now, rules_.rules[at].name, what, seen.flow.server, std::move(about)});
}

boost::json::object engine::counters() const {
  boost::json::object each;
  for (std::size_t at = 0; at < rules_.rules.size(); ++at) {
    const auto& one = tallies_[at];
    const auto& rule = rules_.rules[at];
    boost::json::object row{{"triggered", one.triggered}, {"dropped", one.dropped}, {"resets", one.resets},
                            {"answers", one.answers},     {"delayed", one.delayed}, {"residual", one.residual}};
    if (rule.lasts) row["lasts_ms"] = rule.lasts->low / 1'000'000;
    each[rule.name] = std::move(row);
  }
  return {{"profile", rules_.name},      {"seed", options_.seed},     {"seen", seen_},
          {"dropped", dropped_},         {"blocked", blocked_drops_}, {"flows", flows_.size()},
          {"events_lost", events_lost_}, {"rules", std::move(each)}};
}

std::vector<event> engine::take_events() {
  std::vector<event> out(std::make_move_iterator(events_.begin()), std::make_move_iterator(events_.end()));
  events_.clear();
  return out;
}

} // namespace landfall::censor
