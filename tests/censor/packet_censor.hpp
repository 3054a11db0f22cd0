// The censor between two wires: packets in, what is forwarded and what is injected out. Pure; censorsim moves the
// bytes.
//
// It follows each TCP connection far enough to put its client's first bytes in order (as censors do that reassemble),
// and forges what the engine decides: RSTs with the habits of the Chinese ones (three at a time, TTL of their own,
// sequence numbers spaced by a segment or all equal; Clayton 2006, net4people/bbs#285) and DNS answers.
#pragma once

#include "tests/censor/engine.hpp"

#include <map>
#include <string>
#include <vector>

namespace landfall::censor {

struct injection {
  std::string bytes; ///< an IP packet
  bool to_client = false;
  nanoseconds after{0};
};

struct verdict {
  bool forward = true;
  nanoseconds depart{0}; ///< throttled: not before
  std::vector<injection> injected;
};

class packet_censor {
public:
  packet_censor(rule_set rules, engine_options options);

  /// `bytes` begin at the IP header; `from_client_side`: which of the two wires they came from.
  [[nodiscard]] verdict judge(std::string_view bytes, bool from_client_side, nanoseconds now);
  [[nodiscard]] engine& mind() noexcept { return engine_; }

private:
  /// The client's first bytes, in order.
  struct tracked {
    bool begun = false;
    std::uint32_t next = 0;                     ///< sequence number of the byte after the last one in order
    std::size_t taken = 0;                      ///< bytes in order so far
    std::map<std::uint32_t, std::string> early; ///< by sequence number; what came before a gap was filled
  };
  [[nodiscard]] flow_key flow_of(const packet& seen, bool from_client_side);
  [[nodiscard]] std::string in_order(tracked& stream, const packet& seen);
  void reset(const packet& seen, bool up, bool equal_numbers, verdict& out) const;
  void answer(const packet& query, std::vector<forged_answer> answers, verdict& out);

  engine engine_;
  lru_map<flow_key, tracked> streams_;
  std::mt19937_64 random_;
  std::uint8_t reset_ttl_; ///< not the client's nor the server's: how injected packets are told apart
  bool equal_numbers_;     ///< a habit of this run
};

} // namespace landfall::censor
