// The censor in virtual time: what would happen to one lane, when, and at what cost. Pure: a benchmark runs thousands a
// second, and the same seed gives the same lane.
//
//   world w("CN-2026", {.defined = {{"blocked", {"hidden.example.org"}}}, .seed = 7});
//   const trace t = w.run(route, path, started);       // residual states live on in `w` for the next lane
//
// TCP is modelled, not simulated: one round trip for SYN, one for TLS 1.3, one for the request, then slow start from
// ten segments, doubling each round trip, bounded by the bandwidth. A lost packet costs a retransmission time-out where
// nothing follows it (SYN and DNS 1 s, hello and request max(200 ms, 2 RTT), doubling), and one round trip and half the
// window within the body. What the censor does to each packet is asked of the engine itself, with the packets that the
// route would send.
#pragma once

#include "base/outcome.hpp"
#include "base/place.hpp"
#include "tests/censor/engine.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace landfall::censor {

using std::chrono::milliseconds;

/// How a lane reaches its document, as far as a censor can tell.
struct model_route {
  enum class carrier : std::uint8_t {
    tls,   ///< https, fronted, webtunnel: a ClientHello, then records
    random ///< obfs4: everything looks random, one round trip of handshake
  };
  carrier over = carrier::tls;
  endpoint server{};
  std::string resolved_name{}; ///< asked of a plaintext resolver first; empty: an address, or DNS over HTTPS elsewhere
  std::string sni{};
  std::string ja4{};
  bool ech = false;
  bool fronted = false;                 ///< Host differs from SNI
  std::uint64_t document = 24'000;      ///< bytes
  std::uint64_t handshake_down = 4'000; ///< certificate and all
  bool resumes = false;                 ///< after `stalled_after_bytes` goes on by ranges, each connection below 14 KB
};

struct model_path {
  milliseconds round_trip{60};
  double loss = 0;                ///< of packets, each way
  std::uint64_t rate = 2'500'000; ///< bytes a second
};

/// Design §4: what the client waits for.
struct model_deadlines {
  milliseconds resolve{5000}, connect{4000}, tls{5000}, handshake{10000}, first_byte{8000}, stall{8000}, whole{30000};
};

/// The members of simulation::model (tests/fallback/simulator.hpp), and what a benchmark counts.
struct trace {
  struct step {
    milliseconds after;
    base::stage at;
  };
  std::vector<step> steps; ///< stages completed
  milliseconds ends{0};
  base::outcome outcome = base::outcome::won; ///< of the fetch; verification is the caller's
  base::stage at = base::stage::none;         ///< where it failed
  base::place where;                          ///< what a penalty is put on
  std::uint64_t bytes_up = 0, bytes_down = 0; ///< that reached the other side
  unsigned connections = 0;                   ///< TLS or random ones: what an observer counts
  std::vector<milliseconds> opened{};         ///< when each was begun
};

struct world_options {
  definitions defined = {};
  std::uint64_t seed = 1;
  model_deadlines deadlines = {};
};

/// A censored network in which lanes run; residual states pass from one to the next.
class world {
public:
  /// Errors: malformed, as parse_rules.
  [[nodiscard]] static base::result<world> make(std::string_view profile, world_options options);

  /// A lane from `started` (after the world's begin) to its end. Lanes may overlap: each is asked for as it starts. Its
  /// luck with lost packets is its own, the n-th to its server, whatever ran before: orders of lanes can be compared.
  [[nodiscard]] trace run(const model_route& route, const model_path& path, nanoseconds started);
  [[nodiscard]] engine& censor() noexcept { return engine_; }

private:
  world(rule_set rules, world_options options);
  world_options options_;
  engine engine_;
  std::map<endpoint, std::uint64_t> lanes_;
  std::uint16_t port_ = 32768;
};

/// One lane in a world of its own.
[[nodiscard]] base::result<trace> model(std::string_view profile, const model_route& route, const model_path& path,
                                        world_options options);

} // namespace landfall::censor
