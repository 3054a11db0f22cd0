#include "tests/censor/wire/path.hpp"

#include <algorithm>

namespace landfall::censor {

namespace {
constexpr std::uint64_t queue_bytes = 131072; ///< of a bottleneck; what would wait behind more is lost
constexpr std::size_t most_travelling = 65536;
} // namespace

void path::enter(bool up, bool judged, std::string frame, nanoseconds now, nanoseconds not_before) {
  const bool unlucky = options_.loss > 0 && static_cast<double>(random_[up ? 1 : 0]() >> 11) * 0x1p-53 < options_.loss;
  auto begin = std::max(now, not_before);
  if (options_.rate > 0) {
    const auto time_for = [this](std::uint64_t bytes) { return nanoseconds(bytes * 1'000'000'000 / options_.rate); };
    auto& busy = busy_[up ? 1 : 0];
    begin = std::max(begin, busy);
    if (begin - now > time_for(queue_bytes)) {
      ++lost_[up ? 1 : 0];
      return;
    }
    if (!unlucky) begin = busy = begin + time_for(frame.size());
  }
  if (unlucky)
    ++lost_[up ? 1 : 0];
  else
    arrange(up, judged, std::move(frame), begin + one_way());
}

void path::arrange(bool up, bool judged, std::string frame, nanoseconds when) {
  if (way_.size() >= most_travelling) {
    ++lost_[up ? 1 : 0];
    return;
  }
  way_.push({when, order_++, up, judged, std::move(frame)});
}

std::optional<travelling> path::leave(nanoseconds now) {
  if (way_.empty() || way_.top().when > now) return std::nullopt;
  auto out = way_.top();
  way_.pop();
  return out;
}

std::optional<nanoseconds> path::next() const {
  if (way_.empty()) return std::nullopt;
  return way_.top().when;
}

} // namespace landfall::censor
