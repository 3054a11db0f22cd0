// Who may be asked for a name, and what is believed of what is heard. Pure: no sockets, no clock of its own.
//
// A name is sensitive when it says that this user wants Landfall: the host of a direct route, an inner host, a DNS
// zone. It is asked for over HTTPS alone, and not at all when that fails. The name of a front says nothing (that is
// what a front is for), so it may be asked for in plaintext too; an onion name is never asked for.
//
// What a plaintext answer is worth. A censor on the path answers before the resolver can, and the true answer still
// comes (GFW; censors of Iran and Turkmenistan answer with addresses that are nobody's). So the first answer is never
// taken alone: all that come within a moment of it are read together, and the answer is doubted when
//   - it is an address that no public name has (loopback, private, reserved), unless in a lab;
//   - two answers to one question share no address, or one says that the name does not exist;
//   - it came in less than half of the round trip to its resolver: whoever answered is nearer than the resolver. The
//     round trip is that of a TCP connect to it, which no answer can be faster than, whatever the resolver has in its
//     cache (a question would be no measure: a router may know one name and have to ask for another). Only from 10 ms
//     on; below it is noise.
// A doubted answer gives no address, not even the one that looks right: another resolver must say it, or DNS over
// HTTPS. TTL and AA say nothing reliable (forgers copy them; forwarders set them at will), so nothing looks at them. A
// resolver that itself was lied to passes all of this. Its addresses are tried, and the certificate tells.
#pragma once

#include "http/dns_message.hpp"
#include "net/race.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace landfall::http {

enum class name_kind : std::uint8_t { sensitive, front };

enum class way_to_ask : std::uint8_t {
  never,      ///< an onion name
  here,       ///< localhost and below: loopback, whatever anybody says (RFC 6761)
  over_https, ///< and not at all when that fails
  any,        ///< plaintext too
};
/// `name` in lower case, without a dot at its end.
[[nodiscard]] way_to_ask way_for(std::string_view name, name_kind kind) noexcept;

/// One answer to one of the questions that a resolver was asked.
struct heard {
  std::size_t question = 0;
  std::optional<std::chrono::microseconds> after; ///< since the question was first sent; nothing: over TCP
  result<dns_answer> answer;
};

/// What one plaintext resolver, or whoever spoke for it, said to the questions asked about one name.
struct plain_evidence {
  std::optional<std::chrono::microseconds> round_trip; ///< to the resolver
  std::vector<heard> answers;                          ///< in the order in which they came
  std::optional<base::place> where = {};               ///< the resolver
};

/// The answers to all questions in one. Errors: dns_poisoned (doubted, with why), unreachable (nothing sensible);
/// `where` is the resolver.
[[nodiscard]] result<dns_answer> judge(const plain_evidence& evidence, bool lab);

/// Without the addresses that no public name has. Errors: dns_poisoned, when none is left.
[[nodiscard]] result<dns_answer> only_public(dns_answer answer, bool lab);

/// Several answers about one name in one: addresses joined; the first failure when all failed.
[[nodiscard]] result<dns_answer> merge(const std::vector<result<dns_answer>>& parts);

/// Which resolver is asked when. Lanes are numbered: those over HTTPS first, then the plaintext ones.
///
/// Over HTTPS the next is asked at once when one failed, after 500 ms when the one before has not answered our SYN, and
/// after 1.5 s when it has: each more of them learns the name, and is one more connection to be seen. Plaintext
/// resolvers start beside them, the next when one was doubted, failed, or was silent for 1.5 s. The first answer with
/// something in it ends it. That there is no such name is believed only when nobody who was asked says otherwise.
class ask_plan final : public net::race_plan<result<dns_answer>> {
public:
  /// Whether the resolver of this lane has answered the SYN, for whichever look-up. Empty: never.
  using heard_fn = std::function<bool(std::size_t lane)>;
  ask_plan(std::size_t over_https, std::size_t plain, heard_fn heard = {})
      : groups_{{0, over_https}, {over_https, over_https + plain}}, heard_(std::move(heard)) {}

  [[nodiscard]] net::race_action next(base::steady_time now) override;
  void progressed(std::size_t, base::stage, base::steady_time) override {}
  void ended(std::size_t lane, result<dns_answer> answer, base::steady_time now) override;

  /// After the race. Errors: dns_poisoned (only doubted answers), unreachable, timed_out.
  [[nodiscard]] result<dns_answer> answer() const;

private:
  struct group {
    std::size_t next, end; ///< lanes not yet started
    std::size_t running = 0;
    base::steady_time due = base::steady_time::min();
    base::steady_time started = base::steady_time::min(); ///< the last one, unless one failed since
  };
  [[nodiscard]] std::chrono::milliseconds patience(const group& of) const noexcept;
  [[nodiscard]] base::steady_time due(const group& of) const;

  group groups_[2];
  heard_fn heard_;
  std::optional<dns_answer> found_, denied_;
  bool denied_over_https_ = false;
  std::optional<base::failure> doubted_, failed_;
};

} // namespace landfall::http
