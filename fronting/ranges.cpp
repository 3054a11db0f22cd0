#include "fronting/ranges.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace landfall::fronting {

namespace {

using base::fail;
using base::outcome;
using base::stage;

constexpr int most_byteless = 2, most_restarts = 1;

/// The silence or the cut of a filter that counts: what a resumed connection may meet again.
bool is_silence(outcome what) noexcept {
  return what == outcome::stalled_after_bytes || what == outcome::stalled_after_hello || what == outcome::timed_out ||
         what == outcome::reset_after_hello || what == outcome::reset_before_hello;
}

} // namespace

range_plan::step range_plan::next() {
  if (failed_) return *failed_;
  if (whole_) return done{std::move(body_), resuming_};
  if (connections_++ == max_connections)
    return fail(outcome::stalled_after_bytes, fmt::format("not whole after {} connections", max_connections),
                stage::body);
  asked_.reset();
  if (resuming_) {
    const auto first = static_cast<std::uint64_t>(body_.size()), end = total_.value_or(max_document_);
    if (first >= end) return fail(outcome::too_large, fmt::format("more than {} bytes", end), stage::body);
    asked_ = {first, std::min(first + range_, end) - 1};
  }
  return ask{asked_};
}

void range_plan::took(http::result<http::response> answer) {
  if (!answer)
    took_failure(std::move(answer).error());
  else if (answer->status == 206)
    took_part(std::move(*answer));
  else
    took_whole(std::move(*answer));
}

void range_plan::took_whole(http::response answer) {
  measure(answer);
  const bool asked_for_part = asked_.has_value();
  if (answer.cut && answer.cut->what != outcome::stalled_after_bytes) {
    failed_ = std::move(answer.cut);
    return;
  }
  if (asked_for_part && answer.cut) {
    start_anew("the server answers no ranges");
    if (failed_) return;
  }
  body_ = std::move(answer.body);
  total_.reset();
  whole_ = !answer.cut;
  resuming_ = answer.cut.has_value();
}

void range_plan::took_part(http::response part) {
  measure(part);
  if (part.cut && !is_silence(part.cut->what)) {
    failed_ = std::move(part.cut);
    return;
  }
  if (auto wrong = wrong_with(part)) {
    failed_ = std::move(wrong);
    return;
  }
  if (total_ && *total_ != part.range->total) return start_anew("the document changed while it was fetched");
  total_ = part.range->total;
  if (part.body.empty()) return byteless(part.where);
  byteless_ = 0;
  body_ += part.body;
  whole_ = body_.size() == *total_;
  // Cut within less than was thought to get through: the filter counts lower here.
  if (part.cut) budget_ = std::min(budget_, part.overhead + part.body.size() * 3 / 4);
  range_ = std::max(least_range, room_beside(part.overhead));
}

void range_plan::took_failure(base::failure why) {
  // The first connection brought something, though perhaps nothing that could be read: half a TLS record.
  const bool begins =
      !resuming_ && why.what == outcome::stalled_after_bytes && (why.at == stage::request || why.at == stage::body);
  if (begins) {
    resuming_ = true;
  } else if (resuming_ && why.what == outcome::http_status && why.code == 416) {
    start_anew("the document became shorter while it was fetched");
  } else if (resuming_ && is_silence(why.what)) {
    byteless(why.where);
  } else {
    failed_ = std::move(why);
  }
}

void range_plan::measure(const http::response& answer) {
  if (resuming_ || !answer.cut) return;
  // The first one shows what a connection costs before the first range is asked for; not that more would get through.
  range_ = std::max(least_range, std::min(first_range, room_beside(answer.overhead)));
}

std::uint64_t range_plan::room_beside(std::uint64_t overhead) const {
  return budget_ - std::min(budget_, overhead + spare);
}

void range_plan::start_anew(std::string_view why) {
  body_.clear();
  total_.reset();
  if (++restarts_ > most_restarts) failed_ = fail(outcome::stalled_after_bytes, std::string(why), stage::body);
}

void range_plan::byteless(const std::optional<base::place>& where) {
  if (++byteless_ < most_byteless) return;
  failed_ = fail(outcome::stalled_after_hello, "two connections in a row brought nothing of the document", stage::body);
  failed_->where = where;
}

std::optional<base::failure> range_plan::wrong_with(const http::response& part) const {
  const auto& got = *part.range;
  if (!asked_ || got.bytes.first != asked_->first || got.bytes.last > asked_->last)
    return fail(outcome::malformed, "another range than the one asked for", stage::body);
  if (part.body.size() > got.bytes.last - got.bytes.first + 1)
    return fail(outcome::malformed, "more bytes than Content-Range says", stage::body);
  if (got.total > max_document_)
    return fail(outcome::too_large, fmt::format("a total of more than {} bytes", max_document_), stage::body);
  return std::nullopt;
}

} // namespace landfall::fronting
