#include "ptclient/obfs4_stream.hpp"

#include "net/deadline.hpp"

#include <algorithm>
#include <utility>

namespace landfall::ptclient {

namespace {
namespace asio = net::asio;
using base::fail;
using base::outcome;
using base::stage;
using wire::obfs4_max_payload;

// 63 KB of frames: one write of 64 KiB with its padding.
constexpr std::size_t burst_payload = 44 * obfs4_max_payload;
// A plain_ that had to hold what came with the handshake is not kept at that size.
constexpr std::size_t usual_plain = 2048;
} // namespace

obfs4_stream::obfs4_stream(net::stream_ptr below, wire::obfs4_session session)
    : below_(std::move(below)), session_(std::move(session)) {}

net::result<net::stream_ptr> obfs4_stream::over(net::stream_ptr below, wire::obfs4_session session,
                                                std::string_view early) {
  std::unique_ptr<obfs4_stream> out(new obfs4_stream(std::move(below), std::move(session)));
  if (!early.empty()) {
    out->raw_ = spare<block>::take();
    out->end_ = std::min(early.size(), out->raw_->bytes.size());
    std::copy_n(early.begin(), out->end_, out->raw_->bytes.begin());
    out->plain_.resize(out->end_ + obfs4_max_payload);
    const auto opened = out->open_into({reinterpret_cast<std::uint8_t*>(out->plain_.data()), out->plain_.size()});
    if (!opened) return opened.error();
    out->plain_.resize(*opened);
    out->stash();
  }
  return net::stream_ptr(std::move(out));
}

// ---- reading

/// Opens what is there, as much as `into` takes.
net::result<std::size_t> obfs4_stream::open_into(std::span<std::uint8_t> into) {
  if (!raw_) return std::size_t{0};
  const auto opened = session_.open(std::span(raw_->bytes).subspan(begin_, end_ - begin_), into);
  if (!opened) return opened.error();
  begin_ += opened->consumed;
  return opened->produced;
}

/// One packet, or none, into plain_. What is no whole frame is put aside.
net::result<void> obfs4_stream::advance() {
  if (plain_.capacity() > usual_plain) std::string().swap(plain_);
  taken_ = 0;
  plain_.resize(obfs4_max_payload);
  const auto opened = open_into({reinterpret_cast<std::uint8_t*>(plain_.data()), plain_.size()});
  plain_.resize(opened ? *opened : 0);
  if (!opened) return opened.error();
  if (plain_.empty()) stash();
  return {};
}

void obfs4_stream::stash() {
  if (!raw_) return;
  partial_.assign(raw_->bytes.begin() + static_cast<std::ptrdiff_t>(begin_),
                  raw_->bytes.begin() + static_cast<std::ptrdiff_t>(end_));
  begin_ = end_ = 0;
  spare<block>::give(std::move(raw_));
}

/// Reads once from below. Only to be called when no block is held.
net::awaitable<net::result<void>> obfs4_stream::fill() {
  auto waiting = below_->readable();
  auto waited = co_await std::move(waiting);
  if (!waited) co_return waited.error();
  raw_ = spare<block>::take();
  end_ = partial_.size();
  std::copy(partial_.begin(), partial_.end(), raw_->bytes.begin());
  partial_.clear();
  auto reading = below_->read_some(asio::buffer(raw_->bytes.data() + end_, raw_->bytes.size() - end_));
  const auto got = co_await std::move(reading);
  const bool cut = got && *got == 0 && end_ > 0;
  if (got) end_ += *got;
  if (got && *got == 0) ended_ = true;
  if (!got || *got == 0) stash();
  if (!got) co_return got.error();
  if (cut) co_return fail(outcome::reset_after_hello, "the end came within a frame", stage::body);
  co_return net::result<void>{};
}

net::awaitable<net::result<void>> obfs4_stream::readable() {
  while (taken_ == plain_.size() && !ended_) {
    if (broken_) co_return *broken_;
    auto advanced = advance();
    if (!advanced) co_return advanced.error();
    if (!plain_.empty()) break;
    auto filling = fill();
    auto filled = co_await std::move(filling);
    if (!filled) co_return filled.error();
  }
  co_return net::result<void>{};
}

net::awaitable<net::result<std::size_t>> obfs4_stream::read_some(asio::mutable_buffer into) {
  auto waiting = readable();
  auto waited = co_await std::move(waiting);
  if (!waited) co_return waited.error();
  const std::span<std::uint8_t> out(static_cast<std::uint8_t*>(into.data()), into.size());
  auto done = std::min(out.size(), plain_.size() - taken_);
  std::copy_n(plain_.begin() + static_cast<std::ptrdiff_t>(taken_), done, out.begin());
  taken_ += done;
  if (taken_ < plain_.size()) co_return done;
  // The rest without the way through plain_. A block that is used up is freed at once, not at the next call, which may
  // be hours away.
  auto opened = open_into(out.subspan(done));
  if (opened) done += *opened;
  const auto advanced = opened ? advance() : net::result<void>(opened.error());
  if (!advanced) broken_ = advanced.error();
  co_return done;
}

// ---- writing

net::awaitable<net::result<void>> obfs4_stream::write_burst(std::string_view payload, bool last) {
  auto burst = spare<wire::obfs4_burst>::take();
  burst->bytes.clear();
  burst->pieces.clear();
  session_.seal(payload, last, *burst);
  net::result<void> out;
  std::size_t at = 0;
  for (const auto& [size, pause] : burst->pieces) {
    auto writing = below_->write(asio::buffer(burst->bytes.data() + at, size));
    out = co_await std::move(writing);
    if (!out) break;
    at += size;
    if (pause.count() == 0) continue;
    auto pausing = net::sleep_for(pause);
    out = co_await std::move(pausing);
    if (!out) break;
  }
  spare<wire::obfs4_burst>::give(std::move(burst));
  co_return out;
}

net::awaitable<net::result<void>> obfs4_stream::write(asio::const_buffer from) {
  std::string_view rest(static_cast<const char*>(from.data()), from.size());
  while (!rest.empty()) {
    const auto part = rest.substr(0, burst_payload);
    rest.remove_prefix(part.size());
    auto writing = write_burst(part, rest.empty());
    auto written = co_await std::move(writing);
    if (!written) co_return written.error();
  }
  co_return net::result<void>{};
}

} // namespace landfall::ptclient
