#include "wire/obfs4_handshake.hpp"

#include "crypto/hash.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace landfall::wire {

namespace {
using base::fail;
using base::outcome;
using verdict = obfs4_server_handshake::verdict;

constexpr std::size_t representative_size = 32, auth_size = 32, mark_size = 16, mac_size = 16;
constexpr std::size_t shortest_request = representative_size + obfs4_min_request_padding + mark_size + mac_size;
constexpr std::size_t key_material = 144;
constexpr std::string_view protocol = "ntor-curve25519-sha256-1";
constexpr std::string_view t_mac = "ntor-curve25519-sha256-1:mac", t_key = "ntor-curve25519-sha256-1:key_extract",
                           t_verify = "ntor-curve25519-sha256-1:key_verify",
                           m_expand = "ntor-curve25519-sha256-1:key_expand";

template <std::size_t N> std::string_view view(const std::array<std::uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

crypto::key_bytes key_at(std::string_view bytes) {
  crypto::key_bytes out{};
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return out;
}

/// K: what only those know who know the bridge.
std::string mac_key(const obfs4_bridge& bridge) {
  return std::string(view(bridge.public_key)).append(view(bridge.node_id));
}

std::string short_hmac(std::string_view key, std::string_view data) {
  return std::string(crypto::hmac_sha256(key, data).view().substr(0, mark_size));
}

std::string mac_of(std::string_view key, std::string_view data, std::string_view hour) {
  return short_hmac(key, std::string(data).append(hour));
}
} // namespace

std::int64_t obfs4_hour(base::unix_time now) noexcept { return now / 3600; }

obfs4_ntor obfs4_ntor::of(const crypto::secret_key& xy, const crypto::secret_key& xb, const obfs4_bridge& bridge,
                          const crypto::key_bytes& x, const crypto::key_bytes& y) {
  std::string suffix;
  for (const auto part :
       {view(bridge.public_key), view(bridge.public_key), view(x), view(y), protocol, view(bridge.node_id)})
    suffix += part;
  auto secret = std::string(view(xy.reveal())).append(view(xb.reveal())).append(suffix);
  obfs4_ntor out{.key_seed = std::string(crypto::hmac_sha256(t_key, secret).view()), .auth = {}};
  const auto verify = crypto::hmac_sha256(t_verify, secret);
  base::wipe(secret.data(), secret.size());
  out.auth = crypto::hmac_sha256(t_mac, std::string(verify.view()).append(suffix).append("Server")).view();
  return out;
}

obfs4_keys obfs4_ntor::keys() const { return obfs4_keys(crypto::hkdf_sha256(key_seed, t_key, m_expand, key_material)); }

// ---- client

obfs4_client_handshake::obfs4_client_handshake(const obfs4_bridge& to, crypto::hidden_key_pair ours,
                                               std::string_view padding, std::int64_t hour)
    : to_(to), ours_(std::move(ours)), key_(mac_key(to)), hour_(std::to_string(hour)),
      searched_(representative_size + auth_size) {
  const auto x = view(ours_.representative);
  request_ = std::string(x).append(padding.substr(0, obfs4_max_request_padding)).append(short_hmac(key_, x));
  request_ += mac_of(key_, request_, hour_);
}

base::result<bool> obfs4_client_handshake::feed(std::string_view bytes) {
  received_ += bytes.substr(0, room());
  if (received_.size() < representative_size + auth_size + mark_size) return false;
  if (mark_.empty()) mark_ = short_hmac(key_, std::string_view(received_).substr(0, representative_size));
  const auto at = received_.find(mark_, searched_);
  if (at == std::string::npos) {
    searched_ = std::max(searched_, received_.size() - mark_size + 1);
    if (room() == 0)
      return fail(outcome::bridge_bad_auth, "8192 bytes without the bridge's mark", base::stage::handshake);
    return false;
  }
  searched_ = at;
  if (received_.size() >= at + mark_size + mac_size) return finish(at);
  if (room() == 0) return fail(outcome::bridge_bad_auth, "a response of over 8192 bytes", base::stage::handshake);
  return false;
}

base::result<bool> obfs4_client_handshake::finish(std::size_t mark_at) {
  const std::string_view all(received_);
  const auto mac_at = mark_at + mark_size;
  if (!crypto::equal_secret(mac_of(key_, all.substr(0, mac_at), hour_), all.substr(mac_at, mac_size)))
    return fail(outcome::bridge_bad_auth, "the response's MAC is wrong", base::stage::handshake);
  const auto y = crypto::elligator2_map(key_at(all));
  const auto xy = crypto::x25519(ours_.secret, y), xb = crypto::x25519(ours_.secret, to_.public_key);
  if (!xy || !xb) return fail(outcome::bridge_bad_auth, "a key of low order", base::stage::handshake);
  const auto ntor = obfs4_ntor::of(*xy, *xb, to_, ours_.public_key, y);
  if (!crypto::equal_secret(ntor.auth, all.substr(representative_size, auth_size)))
    return fail(outcome::bridge_bad_auth, "AUTH is wrong: it knows the bridge line, not the bridge's key",
                base::stage::handshake);
  keys_ = ntor.keys();
  end_ = mac_at + mac_size;
  return true;
}

// ---- server

verdict obfs4_server_handshake::refuse() noexcept {
  refused_ = true;
  std::string().swap(received_);
  return verdict::refused;
}

verdict obfs4_server_handshake::feed(std::string_view bytes, base::unix_time wall, base::steady_time now,
                                     obfs4_replay_filter& seen) {
  if (refused_) return verdict::refused;
  if (bytes.size() > room()) return refuse();
  received_ += bytes;
  const auto size = received_.size();
  if (size < shortest_request) return verdict::more;
  const auto key = mac_key(who_->open);
  const std::string_view all(received_);
  if (mark_.empty()) mark_ = short_hmac(key, all.substr(0, representative_size));
  const auto mac_at = size - mac_size;
  // At the very end alone: a client says nothing more until it was answered.
  if (!crypto::equal_secret(all.substr(mac_at - mark_size, mark_size), mark_))
    return room() == 0 ? refuse() : verdict::more;
  for (const std::int64_t shift : {0, -1, 1}) {
    auto hour = std::to_string(obfs4_hour(wall) + shift);
    if (!crypto::equal_secret(mac_of(key, all.substr(0, mac_at), hour), all.substr(mac_at))) continue;
    hour_ = std::move(hour);
    return seen.seen(all.substr(mac_at), now) ? refuse() : verdict::accepted;
  }
  return refuse();
}

std::optional<obfs4_server_handshake::answer> obfs4_server_handshake::answer_with(crypto::hidden_key_pair ours,
                                                                                  std::string_view padding) {
  const auto x = crypto::elligator2_map(key_at(received_));
  const auto xy = crypto::x25519(ours.secret, x), xb = crypto::x25519(who_->secret, x);
  if (!xy || !xb) {
    static_cast<void>(refuse());
    return std::nullopt;
  }
  const auto ntor = obfs4_ntor::of(*xy, *xb, who_->open, x, ours.public_key);
  const auto y = view(ours.representative);
  const auto key = mac_key(who_->open);
  answer out{.bytes = std::string(y), .keys = ntor.keys()};
  out.bytes.append(ntor.auth).append(padding.substr(0, obfs4_max_response_padding)).append(short_hmac(key, y));
  out.bytes += mac_of(key, out.bytes, hour_);
  return out;
}

} // namespace landfall::wire
