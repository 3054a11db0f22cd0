#include "http/happy.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace landfall::http {

namespace {

using namespace std::chrono_literals;
using addresses = std::vector<asio::ip::address>;

constexpr auto attempt_delay = 250ms; // RFC 8305 §8
constexpr std::size_t max_attempts = 8;
constexpr auto least_to_connect = 1000ms;

/// Below IPv4 in RFC 6724's policy table: fc00::/7, 2002::/16, 2001::/32.
bool leads_nowhere(const asio::ip::address_v6& address) {
  const auto bytes = address.to_bytes();
  return (bytes[0] & 0xfe) == 0xfc || (bytes[0] == 0x20 && bytes[1] == 0x02) ||
         (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0);
}

/// One lane. Its own copy of the request, which the client refers to until it ends.
awaitable<result<response>> attempt(get_fn get_one, request what, net::progress_fn tell) {
  auto told = std::move(what.progress);
  what.progress = [told = std::move(told), tell = std::move(tell)](base::stage at) {
    tell(at);
    if (told) told(at);
  };
  auto op = get_one(std::move(what));
  auto got = co_await std::move(op);
  co_return got;
}

} // namespace

addresses order_addresses(const addresses& found) {
  addresses six, four, last, out;
  for (const auto& address : found) {
    auto& to = address.is_v4() ? four : leads_nowhere(address.to_v6()) ? last : six;
    if (std::find(to.begin(), to.end(), address) == to.end()) to.push_back(address);
  }
  for (std::size_t i = 0; i < std::max(six.size(), four.size()); ++i) {
    if (i < six.size()) out.push_back(six[i]);
    if (i < four.size()) out.push_back(four[i]);
  }
  out.insert(out.end(), last.begin(), last.end());
  return out;
}

net::race_action attempt_plan::next(base::steady_time now) {
  if (last_word_ || (running_.empty() && (connected_ || next_ == addresses_))) return net::finish{};
  if (connected_) {
    const auto loser =
        std::find_if(running_.begin(), running_.end(), [this](std::size_t lane) { return lane != *connected_; });
    if (loser == running_.end()) return net::wait_until{base::steady_time::max()};
    const auto lane = *loser;
    running_.erase(loser);
    return net::cancel_lane{lane};
  }
  if (next_ == addresses_) return net::wait_until{base::steady_time::max()};
  if (!running_.empty() && now < due_) return net::wait_until{due_};
  due_ = now + attempt_delay;
  running_.push_back(next_);
  return net::start_lane{next_++};
}

void attempt_plan::progressed(std::size_t lane, base::stage at, base::steady_time) {
  if (at == base::stage::connect && !connected_) connected_ = lane;
}

void attempt_plan::ended(std::size_t lane, result<response> how, base::steady_time now) {
  const auto gone = std::find(running_.begin(), running_.end(), lane);
  if (gone == running_.end()) return; // given up
  running_.erase(gone);
  due_ = now;
  if (how || connected_ == lane) {
    last_word_ = std::move(how);
  } else if (how.error().what != base::outcome::cancelled && (!furthest_ || how.error().at >= furthest_->at)) {
    furthest_ = std::move(how).error();
  }
}

result<response> attempt_plan::take() {
  if (last_word_) return std::move(*last_word_);
  return furthest_.value_or(base::fail(base::outcome::unreachable, "no address", base::stage::resolve));
}

awaitable<result<response>> get_by_address(get_fn get_one, request what) {
  const auto start = std::chrono::steady_clock::now();
  attempt_plan plan(std::min(what.addresses.size(), max_attempts));
  std::function<awaitable<result<response>>(std::size_t, net::progress_fn)> run_lane =
      [&what, get_one = std::move(get_one), start](std::size_t lane, net::progress_fn tell) {
        const auto late =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
        request one = what;
        one.addresses = {what.addresses[lane]};
        one.connect =
            std::max(what.connect - late, std::min<std::chrono::milliseconds>(what.connect, least_to_connect));
        one.whole = std::max(what.whole - late, std::chrono::milliseconds(1));
        return attempt(get_one, std::move(one), std::move(tell));
      };
  auto op = net::race(plan, std::move(run_lane), base::system_clock());
  const auto raced = co_await std::move(op);
  if (!raced) co_return raced.error();
  co_return plan.take();
}

} // namespace landfall::http
