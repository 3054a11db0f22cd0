// What a censor does, as text: one file per scenario or profile, strictly read. docs/CENSOR.md is the manual.
//
//   define blocked blocked.example         a list of words that rules name as $blocked; the caller may replace it
//   use S02                                the rules of another file
//   set record-reassembly off              settings of the whole censor
//   rule sni-reset                         one rule: conditions that must all hold, then what is done
//     sni $blocked
//     do reset
//     for 60s..180s tuple                  what follows for later packets; a range is drawn once per run
//
// Pure. Errors name file, line and word.
#pragma once

#include "base/result.hpp"
#include "tests/censor/packet.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::censor {

using nanoseconds = std::chrono::nanoseconds;

/// A number that is drawn between two bounds: once per run, or anew for each connection.
struct range {
  std::uint64_t low = 0, high = 0;
  bool each = false;
};

enum class act : std::uint8_t {
  pass,     ///< nothing, and no later rule is asked: a whitelist
  drop,     ///< packets vanish
  reset,    ///< RSTs both ways; the original goes on (on-path)
  answer,   ///< forged DNS answers; the true one still comes
  throttle, ///< a token bucket
  probe     ///< an order to probe the server with this flow's first segment (S21)
};

struct effect {
  act what = act::pass;
  bool up = true, down = true; ///< which way packets vanish: client to server, server to client
  bool data_only = false;      ///< only packets with payload
  bool later = false;          ///< not the packet that triggered it
  std::vector<address> pool;   ///< answer: one address of it at a time, in turn
  std::uint64_t rate = 0;      ///< throttle: bytes a second
  std::uint64_t burst = 0;     ///< throttle: bytes
};

/// What a residual state is remembered for.
enum class key : std::uint8_t {
  flow,   ///< this connection
  tuple,  ///< client address, server address, server port
  pair,   ///< client address, server address
  server, ///< server address
  all     ///< everything
};

struct rule {
  std::string name;
  // Where: all that are given must hold.
  std::optional<transport> over;
  std::vector<prefix> to, not_to;
  std::vector<std::uint16_t> ports;
  // What is seen: all that are given must hold.
  bool syn = false, first_data = false, fully_encrypted = false, unlisted_protocol = false, quic_initial = false;
  bool ech = false, esni = false, tls13 = false;
  std::vector<std::string> sni, sni_not, host, qname, ja4; ///< names are suffixes at a label's border
  std::optional<range> after_bytes;                        ///< payload from the server in this connection
  std::optional<range> connections;                        ///< more open TLS connections than this to one (server, SNI)
  std::optional<range> datagram;                           ///< UDP payload of at least this size
  std::optional<range> unresolved; ///< ns: the address is in no plain DNS answer seen that recently
  double chance = 1;               ///< asked once per connection
  // What is done.
  effect first, then;
  std::optional<range> lasts; ///< ns; without it only this connection is concerned
  key lasts_for = key::flow;
};

/// S20 is done by the servers of a test and by the model, not by the wire: what fronts do when Host differs from SNI.
enum class front_policy : std::uint8_t { serve, refuse_403, refuse_421 };

struct rule_set {
  std::string name;
  std::vector<rule> rules;
  bool tcp_reassembly = true, record_reassembly = true;
  front_policy fronts = front_policy::serve;
};

using definitions = std::map<std::string, std::vector<std::string>, std::less<>>;
/// The text of a rule file by its name; nothing when there is none.
using file_reader = std::function<std::optional<std::string>(std::string_view name)>;

inline constexpr std::size_t max_rule_text = 65536, max_rules = 64; ///< far over any real file

/// `defined` wins over the files' own `define`. Errors: malformed, "S02:7: no such condition 'sno'".
[[nodiscard]] base::result<rule_set> parse_rules(std::string_view name, const file_reader& files,
                                                 const definitions& defined = {});

/// The files of tests/censor/scenarios/, compiled in.
[[nodiscard]] std::optional<std::string> compiled_rules(std::string_view name);
[[nodiscard]] std::vector<std::string> compiled_rule_names();

/// True when `name` is `suffix` or ends in a dot and `suffix`.
[[nodiscard]] bool is_below(std::string_view name, std::string_view suffix) noexcept;

} // namespace landfall::censor
