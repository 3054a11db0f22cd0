#include "wire/obfs4_identity.hpp"

#include "base/encoding.hpp"
#include "base/json.hpp"
#include "base/sensitive.hpp"
#include "crypto/hash.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace landfall::wire {

namespace {
using base::fail;
using base::outcome;

template <std::size_t N> std::string_view view(const std::array<std::uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

template <std::size_t N> void copy_to(std::array<std::uint8_t, N>& out, std::string_view bytes) {
  std::copy_n(bytes.begin(), std::min(N, bytes.size()), out.begin());
}

template <std::size_t N> bool from_hex(std::string_view text, std::array<std::uint8_t, N>& out) {
  const auto bytes = base::from_hex(text);
  if (!bytes || bytes->size() != N) return false;
  copy_to(out, *bytes);
  return true;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::optional<iat_mode> mode_of(std::int64_t number) {
  if (number < 0 || number > 2) return std::nullopt;
  return static_cast<iat_mode>(number);
}

/// b, node id and seed in one string of random or derived bytes.
constexpr std::size_t material_size = 32 + 20 + crypto::siphash_drbg::seed_size;
obfs4_identity identity_of(std::string material) {
  obfs4_identity out;
  crypto::key_bytes secret{};
  const std::string_view all(material);
  copy_to(secret, all.substr(0, 32));
  copy_to(out.open.node_id, all.substr(32, 20));
  copy_to(out.shape, all.substr(52));
  out.secret = crypto::secret_key(secret);
  out.open.public_key = crypto::x25519_public(out.secret);
  base::wipe(secret.data(), secret.size());
  base::wipe(material.data(), material.size());
  return out;
}

template <std::size_t N>
bool member(const boost::json::object& from, std::string_view name, std::array<std::uint8_t, N>& out) {
  const auto* value = from.if_contains(name);
  return value != nullptr && value->is_string() && from_hex(lower(value->as_string()), out);
}
} // namespace

base::result<obfs4_bridge> read_obfs4_arguments(const std::vector<std::pair<std::string, std::string>>& arguments) {
  const auto value_of = [&arguments](std::string_view key) -> const std::string* {
    for (const auto& [k, v] : arguments)
      if (k == key) return &v;
    return nullptr;
  };
  obfs4_bridge out;
  const auto *cert = value_of("cert"), *id = value_of("node-id"), *key = value_of("public-key"),
             *mode = value_of("iat-mode");
  if (cert != nullptr) {
    const auto bytes = base::from_base64(*cert + "==");
    if (!bytes || bytes->size() != out.node_id.size() + out.public_key.size())
      return fail(outcome::malformed, "cert: not the base64 of 52 bytes (70 characters)");
    copy_to(out.node_id, *bytes);
    copy_to(out.public_key, std::string_view(*bytes).substr(out.node_id.size()));
  } else {
    if (id == nullptr || key == nullptr) return fail(outcome::malformed, "cert: missing; obfs4 needs cert=…");
    if (!from_hex(lower(*id), out.node_id)) return fail(outcome::malformed, "node-id: not 40 hex digits");
    if (!from_hex(lower(*key), out.public_key)) return fail(outcome::malformed, "public-key: not 64 hex digits");
  }
  if (mode == nullptr) return fail(outcome::malformed, "iat-mode: missing; write iat-mode=0");
  if (mode->size() != 1 || !mode_of(mode->front() - '0')) return fail(outcome::malformed, "iat-mode: write 0, 1 or 2");
  out.iat = *mode_of(mode->front() - '0');
  return out;
}

std::string obfs4_arguments(const obfs4_bridge& bridge) {
  auto cert = base::to_base64(std::string(view(bridge.node_id)) + std::string(view(bridge.public_key)));
  cert.resize(cert.size() - 2);
  return fmt::format("cert={} iat-mode={}", cert, static_cast<int>(bridge.iat));
}

obfs4_identity derive_obfs4_identity(std::string_view seed) {
  return identity_of(crypto::hkdf_sha256(seed, "landfall-server seed v1", "obfs4 identity", material_size));
}

obfs4_identity make_obfs4_identity() { return identity_of(crypto::random_bytes(material_size)); }

base::result<obfs4_identity> read_obfs4_state(std::string_view json) {
  if (json.size() > max_obfs4_state) return fail(outcome::malformed, "too long");
  const auto parsed = base::parse_json(json, 2);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return fail(outcome::malformed, "not an object");
  const auto& object = parsed->as_object();
  obfs4_identity out;
  crypto::key_bytes secret{};
  if (!member(object, "node-id", out.open.node_id)) return fail(outcome::malformed, "node-id: not 40 hex digits");
  if (!member(object, "private-key", secret)) return fail(outcome::malformed, "private-key: not 64 hex digits");
  if (!member(object, "public-key", out.open.public_key))
    return fail(outcome::malformed, "public-key: not 64 hex digits");
  if (!member(object, "drbg-seed", out.shape)) return fail(outcome::malformed, "drbg-seed: not 48 hex digits");
  const auto* mode = object.if_contains("iat-mode");
  if (mode == nullptr || !mode->is_int64() || !mode_of(mode->as_int64()))
    return fail(outcome::malformed, "iat-mode: write 0, 1 or 2");
  out.open.iat = *mode_of(mode->as_int64());
  out.secret = crypto::secret_key(secret);
  base::wipe(secret.data(), secret.size());
  if (crypto::x25519_public(out.secret) != out.open.public_key)
    return fail(outcome::malformed, "public-key: does not belong to private-key");
  return out;
}

std::string obfs4_state(const obfs4_identity& identity) {
  return boost::json::serialize(boost::json::object{{"node-id", base::to_hex(view(identity.open.node_id))},
                                                    {"private-key", base::to_hex(view(identity.secret.reveal()))},
                                                    {"public-key", base::to_hex(view(identity.open.public_key))},
                                                    {"drbg-seed", base::to_hex(view(identity.shape))},
                                                    {"iat-mode", static_cast<int>(identity.open.iat)}});
}

} // namespace landfall::wire
