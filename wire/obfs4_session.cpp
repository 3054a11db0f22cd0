#include "wire/obfs4_session.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace landfall::wire {

namespace {
using base::fail;
using base::outcome;

constexpr std::size_t length_size = 2, tag_size = crypto::secretbox::tag_size, header_size = 3;
constexpr std::size_t overhead = length_size + tag_size + header_size; // 21
constexpr std::size_t min_length = tag_size, max_length = obfs4_max_segment - length_size;
constexpr std::size_t max_packet = max_length - tag_size;
static_assert(max_packet - header_size == obfs4_max_payload && max_packet <= crypto::secretbox::max_message);
constexpr std::uint8_t type_payload = 0, type_seed = 1;
constexpr std::size_t direction_keys = 72;
// The bridge draws the distribution: from some a burst's end can never be reached (one length, of 5 bytes, say).
constexpr int most_paddings = 64;

std::span<const std::uint8_t> octets(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::span<std::uint8_t> octets(std::string& text, std::size_t from, std::size_t size) {
  return {reinterpret_cast<std::uint8_t*>(text.data()) + from, size};
}

std::string_view part_of(const obfs4_keys& keys, bool to_server) {
  return std::string_view(keys.reveal()).substr(to_server ? 0 : direction_keys, direction_keys);
}

crypto::siphash_drbg::seed drbg_seed(std::string_view bytes) {
  crypto::siphash_drbg::seed out{};
  std::copy_n(bytes.begin(), std::min(out.size(), bytes.size()), out.begin());
  return out;
}
} // namespace

obfs4_session::direction::direction(std::string_view keys)
    : box(octets(keys).first<32>(), octets(keys).subspan<32, 16>()), lengths(drbg_seed(keys.substr(48))) {}

obfs4_session::obfs4_session(const obfs4_keys& keys, obfs4_side side, iat_mode iat,
                             const crypto::siphash_drbg::seed& random, std::shared_ptr<const obfs4_shape> shape)
    : send_(part_of(keys, side == obfs4_side::client)), receive_(part_of(keys, side == obfs4_side::server)),
      side_(side), iat_(iat), random_(random), shape_(std::move(shape)) {}

// ---- sending

void obfs4_session::append_frame(std::uint8_t type, std::string_view payload, std::size_t padding, std::string& out) {
  std::array<std::uint8_t, max_packet> packet; // NOLINT: filled below as far as it is used
  packet[0] = type;
  packet[1] = static_cast<std::uint8_t>(payload.size() >> 8);
  packet[2] = static_cast<std::uint8_t>(payload.size());
  std::copy(payload.begin(), payload.end(), packet.begin() + header_size);
  const auto size = header_size + payload.size() + padding;
  std::fill(packet.begin() + header_size + payload.size(), packet.begin() + size, std::uint8_t{0});

  const auto at = out.size();
  out.resize(at + length_size + tag_size + size);
  const auto masked = static_cast<std::uint16_t>((tag_size + size) ^ send_.next_mask());
  out[at] = static_cast<char>(masked >> 8);
  out[at + 1] = static_cast<char>(masked);
  // Sizes are right by construction, so this cannot fail.
  static_cast<void>(
      send_.box.seal(send_.counter++, std::span(packet).first(size), octets(out, at + length_size, tag_size + size)));
}

std::string obfs4_session::seed_frame(const crypto::siphash_drbg::seed& seed) {
  std::string out;
  append_frame(type_seed, {reinterpret_cast<const char*>(seed.data()), seed.size()}, 0, out);
  return out;
}

const obfs4_shape& obfs4_session::shape() {
  if (told_) shape_ = std::make_shared<const obfs4_shape>(*std::exchange(told_, std::nullopt));
  if (!shape_) {
    crypto::siphash_drbg::seed own{};
    for (auto& byte : own) byte = static_cast<std::uint8_t>(random_.next());
    shape_ = std::make_shared<const obfs4_shape>(own);
  }
  return *shape_;
}

std::chrono::microseconds obfs4_session::draw_pause() {
  return std::chrono::microseconds(100 * shape().pauses.sample(random_));
}

/// Frames of padding until what was `tail` bytes long (modulo a segment) is `target` long.
void obfs4_session::pad(std::size_t tail, std::size_t target, std::string& out) {
  const auto missing = target >= tail ? target - tail : obfs4_max_segment - tail + target;
  if (missing > overhead) return append_frame(type_payload, {}, missing - overhead, out);
  if (missing == 0) return;
  append_frame(type_payload, {}, obfs4_max_payload, out);
  append_frame(type_payload, {}, missing, out);
}

void obfs4_session::seal(std::string_view payload, bool last, obfs4_burst& out) {
  const auto from = out.bytes.size();
  const auto frames = (payload.size() + obfs4_max_payload - 1) / obfs4_max_payload;
  out.bytes.reserve(from + payload.size() + (frames + 3) * (overhead + 1) + 2 * obfs4_max_segment);
  for (auto rest = payload; !rest.empty(); rest.remove_prefix(std::min(rest.size(), obfs4_max_payload)))
    append_frame(type_payload, rest.substr(0, obfs4_max_payload), 0, out.bytes);
  if (last && iat_ != iat_mode::paranoid)
    pad((out.bytes.size() - from) % obfs4_max_segment, shape().lengths.sample(random_), out.bytes);
  switch (iat_) {
  case iat_mode::none:
    if (out.bytes.size() > from) out.pieces.push_back({out.bytes.size() - from, std::chrono::microseconds(0)});
    return;
  case iat_mode::enabled: return cut_evenly(from, out);
  case iat_mode::paranoid: return cut_by_lot(from, out);
  }
}

void obfs4_session::cut_evenly(std::size_t from, obfs4_burst& out) {
  for (std::size_t at = from; at < out.bytes.size();) {
    const auto size = std::min(obfs4_max_segment, out.bytes.size() - at);
    out.pieces.push_back({size, draw_pause()});
    at += size;
  }
}

void obfs4_session::cut_by_lot(std::size_t from, obfs4_burst& out) {
  int paddings = 0;
  for (std::size_t at = from; at < out.bytes.size();) {
    // obfs4proxy ends at a length of 0 with a bug report; a whole segment is no more conspicuous than others.
    const std::size_t drawn = shape().lengths.sample(random_), left = out.bytes.size() - at;
    auto target = drawn == 0 ? obfs4_max_segment : drawn;
    if (left < target) {
      if (++paddings <= most_paddings) {
        pad(left, target, out.bytes);
        if (out.bytes.size() - at != target) continue; // more than one frame: enough there now for any draw
      } else {
        target = left;
      }
    }
    out.pieces.push_back({target, draw_pause()});
    at += target;
  }
}

// ---- receiving

/// The length of the next frame, from its first two bytes.
std::uint16_t obfs4_session::take_length(std::span<const std::uint8_t> from) noexcept {
  const auto masked = static_cast<std::uint16_t>(from[0] << 8 | from[1]);
  const auto length = static_cast<std::uint16_t>(masked ^ receive_.next_mask());
  if (length >= min_length && length <= max_length) return length;
  doomed_ = true;
  return static_cast<std::uint16_t>(min_length + random_.next() % (max_length - min_length + 1));
}

base::result<obfs4_session::opened> obfs4_session::open(std::span<const std::uint8_t> from,
                                                        std::span<std::uint8_t> into) {
  opened out;
  for (;;) {
    auto rest = from.subspan(out.consumed);
    if (!length_) {
      if (rest.size() < length_size) return out;
      length_ = take_length(rest);
      out.consumed += length_size;
      rest = rest.subspan(length_size);
    }
    if (rest.size() < *length_) return out;
    const auto size = *length_ - tag_size;
    if (size > header_size && size - header_size > into.size() - out.produced) return out;
    std::array<std::uint8_t, max_packet> packet; // NOLINT: filled by open
    const auto text = std::span(packet).first(size);
    if (doomed_ || !receive_.box.open(receive_.counter, rest.first(*length_), text))
      return fail(outcome::malformed, "a frame that was changed on the way", base::stage::body);
    ++receive_.counter;
    out.consumed += *length_;
    length_.reset();
    const auto taken = take_packet(text, into.subspan(out.produced));
    if (!taken) return taken.error();
    out.produced += *taken;
  }
}

base::result<std::size_t> obfs4_session::take_packet(std::span<const std::uint8_t> packet,
                                                     std::span<std::uint8_t> into) {
  const auto wrong = [] { return fail(outcome::malformed, "a packet of a wrong length", base::stage::body); };
  if (packet.size() < header_size) return wrong();
  const auto size = static_cast<std::size_t>(packet[1] << 8 | packet[2]);
  if (size > packet.size() - header_size) return wrong();
  const auto payload = packet.subspan(header_size, size);
  if (packet[0] == type_payload) {
    std::copy(payload.begin(), payload.end(), into.begin());
    return size;
  }
  // Unknown types are ignored, and so is a seed from a client, which has no say in the bridge's shape.
  if (packet[0] == type_seed && side_ == obfs4_side::client && size == crypto::siphash_drbg::seed_size) {
    crypto::siphash_drbg::seed seed{};
    std::copy(payload.begin(), payload.end(), seed.begin());
    told_ = seed;
  }
  return std::size_t{0};
}

} // namespace landfall::wire
