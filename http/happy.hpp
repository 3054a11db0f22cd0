// Which of a host's addresses is tried when: Happy Eyeballs version 2 (RFC 8305).
//
// Why not libcurl's own: 7.88 races the two families (200 ms apart), but within one it tries the next address only when
// the one before has had half of CURLOPT_CONNECTTIMEOUT, and looks at that once a second (measured: after 3 s of 4, 6 s
// of 10). The deadline that it knows is the whole request's, so one dead address among several eats our 4 s to connect,
// and a censor need block but one. So each address gets a request of its own, with that address alone, and the first to
// connect goes on.
#pragma once

#include "http/client.hpp"
#include "net/race.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace landfall::http {

/// Pure: in the order to try. Each once; IPv6 and IPv4 in turn, IPv6 first (RFC 8305 §4, First Address Family Count 1),
/// in the order given within a family; last IPv6 that leads nowhere on most networks (unique local, 6to4, Teredo: below
/// IPv4 in RFC 6724's table). What the machine can route is not looked at: the kernel says so at once, and asking it
/// would need sockets.
[[nodiscard]] std::vector<asio::ip::address> order_addresses(const std::vector<asio::ip::address>& found);

/// Pure: lanes are addresses. The next starts 250 ms after the last, or at once when one failed before it connected;
/// none starts once one is connected, and the others are given up. A failure after that is the last word: the address
/// was there, and what ended it is what the caller must learn.
class attempt_plan final : public net::race_plan<result<response>> {
public:
  explicit attempt_plan(std::size_t addresses) : addresses_(addresses) {}

  [[nodiscard]] net::race_action next(base::steady_time now) override;
  void progressed(std::size_t lane, base::stage at, base::steady_time now) override;
  void ended(std::size_t lane, result<response> how, base::steady_time now) override;

  /// After the race: the winner's, else the failure that got furthest, the later of two.
  [[nodiscard]] result<response> take();

private:
  std::size_t addresses_, next_ = 0;
  base::steady_time due_ = base::steady_time::min();
  std::vector<std::size_t> running_;
  std::optional<std::size_t> connected_;
  std::optional<result<response>> last_word_;
  std::optional<base::failure> furthest_;
};

using get_fn = std::function<awaitable<result<response>>(request)>;

/// `what` once per address, `what.addresses` in the order given, at most 8 of them, by `get_one`, which is
/// client::get or a stand-in. All have the one deadline `what.connect`, counted from the start. `progress` tells of the
/// one that connected. Errors: as client::get.
[[nodiscard]] awaitable<result<response>> get_by_address(get_fn get_one, request what);

} // namespace landfall::http
