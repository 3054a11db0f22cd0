#include "http/names_policy.hpp"

#include "config/endpoint.hpp"
#include "config/host.hpp"

#include <algorithm>
#include <utility>

namespace landfall::http {

namespace {

using base::fail;
using base::outcome;
using base::stage;
using namespace std::chrono_literals;

constexpr auto noise = 10ms;            // a resolver nearer than that cannot be told from a forger by time
constexpr auto https_delay = 500ms;     // without a SYN-ACK: one comes sooner, or not at all
constexpr auto https_patience = 1500ms; // with one: three round trips and an answer from far away
constexpr auto plain_patience = 1500ms; // a resolver that is there answers sooner, or not at all

bool is_public(const boost::asio::ip::address& address) {
  const auto parsed = config::ip_address::parse(address.to_string());
  return parsed && parsed->is_global();
}

bool share_something(const dns_answer& a, const dns_answer& b) {
  if (a.texts != b.texts || a.services != b.services || a.exists != b.exists) return false;
  if (a.addresses.empty() && b.addresses.empty()) return true;
  return std::any_of(a.addresses.begin(), a.addresses.end(), [&b](const auto& one) {
    return std::find(b.addresses.begin(), b.addresses.end(), one) != b.addresses.end();
  });
}

/// Why these answers to one question are not to be believed; empty: they may be.
std::string_view doubt(const plain_evidence& all, std::size_t question, bool lab) {
  const dns_answer* first = nullptr;
  for (const auto& one : all.answers) {
    if (one.question != question || !one.answer) continue;
    if (!lab && !std::all_of(one.answer->addresses.begin(), one.answer->addresses.end(), is_public))
      return "an address that no public name has";
    if (first && !share_something(*first, *one.answer)) return "two answers that differ";
    if (all.round_trip && one.after && *all.round_trip >= noise && *one.after < *all.round_trip / 2)
      return "an answer that came sooner than the resolver can send it";
    if (!first) first = &*one.answer;
  }
  return {};
}

} // namespace

way_to_ask way_for(std::string_view name, name_kind kind) noexcept {
  if (name == "onion" || name.ends_with(".onion")) return way_to_ask::never;
  if (config::is_localhost(name)) return way_to_ask::here;
  return kind == name_kind::front ? way_to_ask::any : way_to_ask::over_https;
}

result<dns_answer> only_public(dns_answer answer, bool lab) {
  if (lab || answer.addresses.empty()) return answer;
  std::erase_if(answer.addresses, [](const auto& one) { return !is_public(one); });
  if (answer.addresses.empty())
    return fail(outcome::dns_poisoned, "an address that no public name has", stage::resolve);
  return answer;
}

result<dns_answer> merge(const std::vector<result<dns_answer>>& parts) {
  std::optional<dns_answer> out;
  std::optional<base::failure> failed;
  for (const auto& part : parts) {
    if (!part) {
      if (!failed) failed = part.error();
      continue;
    }
    if (!out) {
      out = *part;
      continue;
    }
    out->exists = out->exists || part->exists;
    if (!part->empty()) out->ttl = out->empty() ? part->ttl : std::min(out->ttl, part->ttl);
    out->addresses.insert(out->addresses.end(), part->addresses.begin(), part->addresses.end());
    out->texts.insert(out->texts.end(), part->texts.begin(), part->texts.end());
    out->services.insert(out->services.end(), part->services.begin(), part->services.end());
  }
  if (out && !(out->empty() && failed)) return std::move(*out);
  return failed.value_or(fail(outcome::unreachable, "nobody was asked", stage::resolve));
}

result<dns_answer> judge(const plain_evidence& evidence, bool lab) {
  std::vector<std::size_t> questions;
  for (const auto& one : evidence.answers)
    if (std::find(questions.begin(), questions.end(), one.question) == questions.end())
      questions.push_back(one.question);
  std::vector<result<dns_answer>> parts;
  for (const auto question : questions) {
    if (const auto why = doubt(evidence, question, lab); !why.empty())
      return base::failure{outcome::dns_poisoned, stage::resolve, 0, std::string(why), evidence.where};
    const heard* best = nullptr; // the first that says something, else the first
    for (const auto& one : evidence.answers) {
      if (one.question != question) continue;
      if (!best || (!best->answer && one.answer)) best = &one;
    }
    if (best) parts.push_back(best->answer);
  }
  auto merged = merge(parts);
  // Garbage says nothing about the route that the name belongs to: unlike a document's, it is nobody's fault.
  if (!merged) return base::failure{outcome::unreachable, stage::resolve, 0, merged.error().detail, evidence.where};
  return merged;
}

std::chrono::milliseconds ask_plan::patience(const group& of) const noexcept {
  return &of == &groups_[0] ? std::chrono::milliseconds(https_delay) : plain_patience;
}

base::steady_time ask_plan::due(const group& of) const {
  const bool heard = &of == &groups_[0] && of.running > 0 && heard_ && heard_(of.next - 1);
  return heard ? std::max(of.due, of.started + https_patience) : of.due;
}

net::race_action ask_plan::next(base::steady_time now) {
  auto wake = base::steady_time::max();
  bool over = true;
  for (auto& one : groups_) {
    if (one.next < one.end) {
      if (!found_ && (one.running == 0 || now >= due(one))) {
        one.started = now;
        one.due = now + patience(one);
        ++one.running;
        return net::start_lane{one.next++};
      }
      wake = std::min(wake, due(one));
    }
    over = over && one.running == 0;
  }
  if (found_ || over) return net::finish{};
  return net::wait_until{wake};
}

void ask_plan::ended(std::size_t lane, result<dns_answer> answer, base::steady_time now) {
  const bool over_https = lane < groups_[0].end;
  auto& mine = groups_[over_https ? 0 : 1];
  --mine.running;
  mine.due = now; // whoever is next need not wait
  mine.started = base::steady_time::min();
  if (!answer) {
    auto& kept = answer.error().what == outcome::dns_poisoned ? doubted_ : failed_;
    if (!kept && answer.error().what != outcome::cancelled) kept = std::move(answer).error();
  } else if (!answer->empty()) {
    if (!found_) found_ = std::move(*answer);
  } else if (!denied_ || over_https) {
    denied_ = std::move(*answer);
    denied_over_https_ = denied_over_https_ || over_https;
  }
}

result<dns_answer> ask_plan::answer() const {
  if (found_) return *found_;
  if (doubted_ && !denied_over_https_) return *doubted_;
  if (denied_) return *denied_;
  return failed_.value_or(fail(outcome::unreachable, "nobody was asked", stage::resolve));
}

} // namespace landfall::http
