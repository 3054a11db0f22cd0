#include "tests/censor/packet_censor.hpp"

#include <algorithm>

namespace landfall::censor {

namespace {

constexpr std::size_t most_early = 16; ///< segments that wait for a gap; a censor's memory is bounded

kind kind_of(const packet& seen) {
  if (seen.protocol == transport::udp) return kind::data;
  if ((seen.flags & tcp_rst) != 0) return kind::end;
  if ((seen.flags & tcp_syn) != 0) return (seen.flags & tcp_ack) != 0 ? kind::opened : kind::open;
  if (!seen.payload.empty()) return kind::data;
  return (seen.flags & tcp_fin) != 0 ? kind::end : kind::bare;
}

/// The number of sequence numbers that the packet takes.
std::uint32_t length_of(const packet& seen) {
  return static_cast<std::uint32_t>(seen.payload.size()) + ((seen.flags & (tcp_syn | tcp_fin)) != 0 ? 1 : 0);
}

} // namespace

packet_censor::packet_censor(rule_set rules, engine_options options)
    : engine_(std::move(rules), options), streams_(options.flows), random_(options.seed ^ 0x9e3779b97f4a7c15U),
      reset_ttl_(static_cast<std::uint8_t>(40 + random_() % 80)), equal_numbers_(random_() % 2 == 0) {}

flow_key packet_censor::flow_of(const packet& seen, bool from_client_side) {
  // Who opened it is the client, whichever side it is on: a censor that acts both ways.
  const flow_key there{seen.from, seen.to, seen.protocol}, back{seen.to, seen.from, seen.protocol};
  if (kind_of(seen) == kind::open && seen.protocol == transport::tcp) return there;
  if (streams_.find(there) != nullptr) return there;
  if (streams_.find(back) != nullptr) return back;
  return from_client_side ? there : back;
}

std::string packet_censor::in_order(tracked& stream, const packet& seen) {
  const auto begin = (seen.flags & tcp_syn) != 0 ? seen.seq + 1 : seen.seq;
  if (!stream.begun || (seen.flags & tcp_syn) != 0) {
    stream = tracked();
    stream.begun = true;
    stream.next = begin;
  }
  if (seen.payload.empty() || stream.taken >= max_hello) return {};
  if (stream.early.size() < most_early) {
    auto& kept = stream.early[begin];
    if (kept.size() < seen.payload.size()) kept = seen.payload;
  }
  std::string out;
  for (bool more = true; more;) {
    more = false;
    for (auto piece = stream.early.begin(); piece != stream.early.end();) {
      const auto overlap = static_cast<std::int32_t>(stream.next - piece->first); // sequence numbers wrap
      if (overlap < 0) {
        ++piece;
        continue;
      }
      if (static_cast<std::size_t>(overlap) < piece->second.size()) {
        out += std::string_view(piece->second).substr(static_cast<std::size_t>(overlap));
        stream.next = piece->first + static_cast<std::uint32_t>(piece->second.size());
        more = true;
      }
      piece = stream.early.erase(piece);
    }
  }
  stream.taken += out.size();
  return out;
}

verdict packet_censor::judge(std::string_view bytes, bool from_client_side, nanoseconds now) {
  const auto seen = parse_packet(bytes);
  if (!seen) return {};
  const auto key = flow_of(*seen, from_client_side);
  auto& stream = streams_.touch(key);
  const bool up = seen->from == key.client;
  const auto fresh = up && seen->protocol == transport::tcp ? in_order(stream, *seen) : std::string(seen->payload);
  const auto decided = engine_.decide({key, up, kind_of(*seen), seen->payload, fresh, nullptr}, now);
  verdict out;
  out.forward = !decided.drop;
  out.depart = decided.depart;
  if (decided.reset && seen->protocol == transport::tcp) reset(*seen, up, equal_numbers_, out);
  answer(*seen, decided.answers, out);
  return out;
}

void packet_censor::reset(const packet& seen, bool up, bool equal_numbers, verdict& out) const {
  constexpr std::uint32_t spaced[] = {0, 1460, 4380};
  for (const auto spacing : spaced) {
    // As if from the receiver, to the sender, and as if from the sender, to the receiver.
    packet back{.from = seen.to,
                .to = seen.from,
                .ttl = reset_ttl_,
                .seq = seen.ack,
                .ack = seen.seq + length_of(seen),
                .flags = tcp_rst | tcp_ack};
    packet on{.from = seen.from,
              .to = seen.to,
              .ttl = reset_ttl_,
              .seq = seen.seq + length_of(seen),
              .ack = seen.ack,
              .flags = tcp_rst | tcp_ack};
    if (!equal_numbers) {
      back.seq += spacing;
      on.seq += spacing;
    }
    out.injected.push_back({build_packet(back), up, nanoseconds(0)});
    out.injected.push_back({build_packet(on), !up, nanoseconds(0)});
  }
}

void packet_censor::answer(const packet& query, std::vector<forged_answer> answers, verdict& out) {
  for (const auto& one : answers) {
    const packet forged{.from = query.to,
                        .to = query.from,
                        .protocol = transport::udp,
                        .ttl = static_cast<std::uint8_t>(40 + random_() % 200),
                        .payload = one.message};
    out.injected.push_back({build_packet(forged), true, one.after});
  }
}

} // namespace landfall::censor
