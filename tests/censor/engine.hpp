// The censor's mind: what was seen, in; what happens to it, out. Pure: the time is an argument and every chance comes
// from one printed seed. The wire (wire.hpp), the relays (relay.hpp) and the model (model.hpp) all ask this one class,
// so that a scenario means the same in each.
#pragma once

#include "tests/censor/detect.hpp"
#include "tests/censor/lru.hpp"
#include "tests/censor/rules.hpp"

#include <boost/json/object.hpp>

#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace landfall::censor {

struct flow_key {
  endpoint client, server; ///< the client is who opened it
  transport over = transport::tcp;
  friend auto operator<=>(const flow_key&, const flow_key&) = default;
};

enum class kind : std::uint8_t {
  open,   ///< SYN
  opened, ///< SYN and ACK
  data,   ///< payload; every datagram
  bare,   ///< an ACK without payload
  end     ///< FIN or RST
};

struct observation {
  flow_key flow;
  bool up = true; ///< from client to server
  kind what = kind::data;
  std::string_view bytes; ///< the payload of this packet
  std::string_view fresh; ///< what it adds, in order, to its side's stream; `bytes` where there are no packets
  const client_hello* known = nullptr; ///< a model says what a parser would have found
};

struct forged_answer {
  std::string message; ///< DNS, to be sent as if from the server
  nanoseconds after{0};
};

struct decision {
  bool drop = false;
  std::size_t pass = 0;  ///< of a dropped payload, the bytes before the limit: what a stream still lets through
  bool reset = false;    ///< RSTs both ways; the packet itself goes on unless dropped
  nanoseconds depart{0}; ///< throttled: not before
  std::vector<forged_answer> answers;
  bool probe = false; ///< an event tells what to send
};

struct event {
  nanoseconds at{0};
  std::string rule;
  std::string_view what; ///< "triggered", "reset", "drop" (the first of a connection), "answer", "throttle", "probe"
  endpoint server;
  std::string about; ///< the SNI, Host or DNS name; for a probe the bytes to send, in hex
};

struct engine_options {
  std::uint64_t seed = 1;
  double time_scale = 1;     ///< of residual states: 180 s last 1.8 s at 0.01
  bool lossless = false;     ///< throttling delays and never drops: streams
  std::size_t flows = 65536; ///< remembered at a time, as residual states
};

class engine {
public:
  explicit engine(rule_set rules, engine_options options = {});

  [[nodiscard]] decision decide(const observation& seen, nanoseconds now);
  /// From now on nothing passes to or from it: what a censor does to a server that its prober found out.
  void block(const address& server) { blocked_.push_back(server); }

  [[nodiscard]] const rule_set& rules() const noexcept { return rules_; }
  /// {"rules":{NAME:{"triggered","dropped","resets","answers","delayed","residual"}},"seen","dropped","profile","seed",...}
  [[nodiscard]] boost::json::object counters() const;
  /// What happened since the last call; the oldest are left out over 4096.
  [[nodiscard]] std::vector<event> take_events();

private:
  struct bucket {
    nanoseconds busy_until{0};
  };
  struct flow_state {
    std::string stream; ///< first bytes from the client, at most max_hello
    std::size_t up_packets = 0;
    std::uint64_t down_bytes = 0;
    bool opened = false; ///< its SYN was seen: what is picked up in the middle has no first data
    bool hello_done = false, host_done = false, ended = false;
    bool hello_now = false; ///< this very observation completed the ClientHello
    std::optional<client_hello> hello;
    std::optional<std::string> host;
    std::uint64_t asked = 0, fired = 0, dropped = 0; ///< a bit for each rule
    std::map<std::size_t, std::uint64_t> limits;     ///< drawn for this connection
    std::map<std::pair<std::size_t, bool>, bucket> buckets;
  };
  struct tally {
    std::uint64_t triggered = 0, dropped = 0, resets = 0, answers = 0, delayed = 0, residual = 0;
  };
  using residual_key = std::pair<std::size_t, flow_key>; ///< rule, and the parts of the flow that its key names

  flow_state& note(const observation& seen);
  void read_stream(flow_state& flow, const observation& seen);
  void note_answers(const observation& seen, nanoseconds now);
  [[nodiscard]] std::optional<std::string> asked_name(const flow_state& flow, const observation& seen) const;
  [[nodiscard]] bool is_blocked(const flow_key& flow) const;
  [[nodiscard]] bool is_at(const rule& rule, const flow_key& flow) const;
  [[nodiscard]] bool is_seen(const rule& rule, const flow_state& flow, const observation& seen) const;
  [[nodiscard]] bool is_named(const rule& rule, const flow_state& flow, const observation& seen) const;
  [[nodiscard]] bool is_counted(std::size_t at, flow_state& flow, const observation& seen, nanoseconds now);
  [[nodiscard]] bool fires(std::size_t at, flow_state& flow, const observation& seen, nanoseconds now);
  /// What an earlier trigger still does to this packet: of this connection, else of the residual state.
  [[nodiscard]] const effect* lingers(std::size_t at, const flow_state& flow, const observation& seen, nanoseconds now);
  void fire(std::size_t at, flow_state& flow, const observation& seen, nanoseconds now, decision& out);
  void apply(std::size_t at, const effect& what, flow_state& flow, const observation& seen, nanoseconds now,
             decision& out);
  void forge(std::size_t at, const effect& with, const observation& seen, decision& out);
  void throttle(std::size_t at, const effect& with, flow_state& flow, const observation& seen, nanoseconds now,
                decision& out);
  void tell(std::size_t at, std::string_view what, const flow_state& flow, const observation& seen, nanoseconds now);
  [[nodiscard]] std::uint64_t draw(const range& from);
  [[nodiscard]] residual_key key_for(std::size_t at, const flow_key& flow) const;

  rule_set rules_;
  engine_options options_;
  std::mt19937_64 random_;
  lru_map<flow_key, flow_state> flows_;
  lru_map<residual_key, nanoseconds> residual_; ///< until when
  lru_map<address, nanoseconds> resolved_;      ///< when a plain answer named it
  std::vector<address> blocked_;
  std::vector<tally> tallies_;
  std::vector<std::size_t> next_in_pool_;
  std::deque<event> events_;
  std::uint64_t seen_ = 0, dropped_ = 0, blocked_drops_ = 0, events_lost_ = 0;
};

} // namespace landfall::censor
