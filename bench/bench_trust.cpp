// Verification of a 256-peer list with 2 signatures, beside the bare OpenSSL verifications that it cannot avoid: two
// ML-DSA-65 and two Ed25519 over the same bytes. Interleaved, so that clock and cache drift hits both alike. Prints
// JSON:
// {"bare_us":[…],"verify_us":[…],"bytes":n}, one number per round.
#include "base/encoding.hpp"
#include "crypto/composite.hpp"
#include "trust/publish.hpp"
#include "trust/verify.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using namespace landfall;
using steady = std::chrono::steady_clock;

constexpr base::unix_time issued = 1'795'132'800;

[[noreturn]] void stop(const std::string& why) {
  fmt::print(stderr, "bench_trust: {}\n", why);
  std::exit(1);
}

std::string seed_of(char c) { return std::string(32, c); }

crypto::composite_secret_key key_of(char c) {
  auto key = crypto::composite_secret_key::from_seeds(seed_of(c), seed_of(static_cast<char>(c + 32)));
  if (!key) stop("cannot make a key");
  return std::move(*key);
}

std::string root_payload(const std::vector<const crypto::composite_secret_key*>& keys) {
  boost::json::object all;
  boost::json::array ids;
  for (const auto* key : keys) {
    const auto pk = key->public_key();
    all[pk.id()] = {{"alg", "mldsa65-ed25519"}, {"pk", base::to_base64(pk.bytes())}};
    ids.emplace_back(pk.id());
  }
  const boost::json::value root = {{"type", "root"},
                                   {"spec", 1},
                                   {"network", "bench"},
                                   {"version", 1},
                                   {"issued", issued},
                                   {"expires", issued + 365 * 86400},
                                   {"keys", all},
                                   {"roles",
                                    {{"root", {{"keyids", ids}, {"threshold", 2}}},
                                     {"list", {{"keyids", ids}, {"threshold", 2}, {"epoch", 1}, {"min_version", 1}}}}}};
  return boost::json::serialize(root);
}

std::string list_payload() {
  boost::json::array peers;
  for (int i = 0; i < 256; ++i) {
    std::string key(32, static_cast<char>(i));
    peers.push_back({{"id", base::to_base64url(key)},
                     {"endpoints", {fmt::format("tcp://198.51.{}.1:443", i), fmt::format("udp://198.51.{}.1:443", i)}},
                     {"roles", {"relay"}},
                     {"asn", 64496 + i % 50},
                     {"cc", "DE"},
                     {"seen", issued},
                     {"weight", 100}});
  }
  const boost::json::value list = {{"type", "peerlist"},
                                   {"spec", 1},
                                   {"network", "bench"},
                                   {"channel", "public-0"},
                                   {"epoch", 1},
                                   {"version", 1},
                                   {"root_version", 1},
                                   {"issued", issued},
                                   {"fresh_until", issued + 86400},
                                   {"expires", issued + 14 * 86400},
                                   {"peers", peers},
                                   {"revoked", boost::json::array{}},
                                   {"servers", boost::json::array{}},
                                   {"routes", boost::json::array{}}};
  return boost::json::serialize(list);
}

std::string sign_twice(trust::document_type type, std::string_view payload, const crypto::composite_secret_key& a,
                       const crypto::composite_secret_key& b) {
  auto one = trust::add_signature(trust::make_envelope(type, payload), a);
  if (!one) stop(base::to_string(one.error()));
  auto two = trust::add_signature(*one, b);
  if (!two) stop(base::to_string(two.error()));
  return *two;
}

/// One ML-DSA-65 and one Ed25519 key with a signature each over a message of M's size, ready to be verified again and
/// again.
struct bare_pair {
  EVP_PKEY* mldsa = EVP_PKEY_Q_keygen(nullptr, nullptr, "ML-DSA-65");
  EVP_PKEY* ed = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  std::vector<unsigned char> message = std::vector<unsigned char>(32 + 31 + 1 + 16 + 64, 7), mldsa_signature,
                             ed_signature;

  bare_pair() {
    mldsa_signature = sign(mldsa);
    ed_signature = sign(ed);
  }
  std::vector<unsigned char> sign(EVP_PKEY* key) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    std::size_t size = 0;
    if (EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key) != 1 ||
        EVP_DigestSign(context, nullptr, &size, message.data(), message.size()) != 1)
      stop("cannot sign");
    std::vector<unsigned char> out(size);
    if (EVP_DigestSign(context, out.data(), &size, message.data(), message.size()) != 1) stop("cannot sign");
    EVP_MD_CTX_free(context);
    return out;
  }
  void verify_one(EVP_PKEY* key, const std::vector<unsigned char>& signature) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    if (EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, key) != 1 ||
        EVP_DigestVerify(context, signature.data(), signature.size(), message.data(), message.size()) != 1)
      stop("a good signature does not verify");
    EVP_MD_CTX_free(context);
  }
  void verify() const {
    verify_one(mldsa, mldsa_signature);
    verify_one(ed, ed_signature);
  }
  /// With the hash of a message of the list's size, as M' needs it.
  void verify_composite(std::string_view whole) const {
    std::array<unsigned char, 64> hash{};
    if (EVP_Digest(whole.data(), whole.size(), hash.data(), nullptr, EVP_sha512(), nullptr) != 1) stop("cannot hash");
    verify();
  }
};

double microseconds(steady::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

} // namespace

int main() {
  constexpr int rounds = 31, repeats = 40;
  const auto a = key_of('a'), b = key_of('b');
  const auto anchor =
      trust::verify_anchor({sign_twice(trust::document_type::root, root_payload({&a, &b}), a, b)}, "bench");
  if (!anchor) stop(base::to_string(anchor.error()));
  const trust::unverified_document list{sign_twice(trust::document_type::list, list_payload(), a, b)};
  const bare_pair first, second;

  const std::string payload = list_payload();
  boost::json::array halves_us, composite_us, verify_us;
  for (int round = 0; round < rounds; ++round) {
    const auto t0 = steady::now();
    for (int i = 0; i < repeats; ++i) {
      first.verify();
      second.verify();
    }
    const auto t1 = steady::now();
    for (int i = 0; i < repeats; ++i) {
      first.verify_composite(payload);
      second.verify_composite(payload);
    }
    const auto t2 = steady::now();
    for (int i = 0; i < repeats; ++i) {
      const auto verified = trust::verify_list(*anchor, list, "public-0", false);
      if (!verified || verified.value()->peers.size() != 256) stop("the list does not verify");
    }
    const auto t3 = steady::now();
    halves_us.push_back(microseconds(t1 - t0) / repeats);
    composite_us.push_back(microseconds(t2 - t1) / repeats);
    verify_us.push_back(microseconds(t3 - t2) / repeats);
  }
  const boost::json::value out{
      {"halves_us", halves_us}, {"composite_us", composite_us}, {"verify_us", verify_us}, {"bytes", list.bytes.size()}};
  fmt::print("{}\n", boost::json::serialize(out));
}
