#include "wire/obfs4_guard.hpp"

#include "wire/obfs4_shape.hpp"

namespace landfall::wire {

namespace {
constexpr std::chrono::seconds handshake_limit{30};
constexpr std::uint32_t longest_extra_delay = 60; // seconds, exclusive
} // namespace

bool obfs4_replay_filter::seen(std::string_view mac, base::steady_time now) {
  while (!in_order_.empty() && in_order_.front().until <= now) forget_first();
  const auto hash = crypto::siphash24(key_, mac);
  if (!hashes_.insert(hash).second) return true;
  if (in_order_.size() >= capacity_) forget_first();
  in_order_.push_back({now + lifetime, hash});
  return false;
}

void obfs4_replay_filter::forget_first() {
  hashes_.erase(in_order_.front().hash);
  in_order_.pop_front();
}

obfs4_patience obfs4_patience::of(base::steady_time opened, const obfs4_identity& who) noexcept {
  // As obfs4proxy draws it, so that a bridge that moves keeps its delay.
  const std::chrono::seconds extra(go_random(who.shape).below(longest_extra_delay));
  return {opened + handshake_limit, opened + handshake_limit + extra};
}

} // namespace landfall::wire
